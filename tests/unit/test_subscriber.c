/* SPDX-License-Identifier: MIT */
/* A subscriber's flags: what goes out takes no other with it. */
#include <criterion/criterion.h>

#include "engine/worker/subscriber.h"

/* Added, not combined: two flags of one bit would show. */
#define ALL                                                                                        \
    (SUBSCRIBER_MANY + SUBSCRIBER_FORM + SUBSCRIBER_LAGGING + SUBSCRIBER_SLOW +                    \
     SUBSCRIBER_LISTED + SUBSCRIBER_QUEUED + SUBSCRIBER_LIMITED + SUBSCRIBER_PROMISED +            \
     SUBSCRIBER_IDLE + SUBSCRIBER_AGED + SUBSCRIBER_LEFT + SUBSCRIBER_BARE + SUBSCRIBER_TIMED +    \
     SUBSCRIBER_EXPIRED)

Test(subscriber, every_flag_has_its_place)
{
    struct subscriber subscriber = {.flags = ALL};
    cr_assert_eq(subscriber.flags, ALL);
    cr_assert_eq(ALL, (1 << 14) - 1);
}

Test(subscriber, a_flag_goes_out_alone)
{
    for (unsigned flag = 1; flag <= ALL; flag *= 2) {
        struct subscriber subscriber = {.flags = ALL};
        subscriber_clear(&subscriber, flag);
        cr_assert_eq(subscriber.flags, ALL & ~flag, "flag %u: %x are left", flag, subscriber.flags);
    }
}

/* One that is to be ended lags on its way: it must still be ended once it has everything. */
Test(subscriber, who_caught_up_is_still_to_be_ended)
{
    static struct worker worker = {.lag = {.live = 1, .slow = 1}};
    struct subscriber subscriber = {.flags = ALL};
    subscriber_caught_up(&worker, &subscriber);
    cr_assert_eq(subscriber.flags, ALL & ~(SUBSCRIBER_LAGGING | SUBSCRIBER_SLOW));
    cr_assert(subscriber_is_ending(&worker, &subscriber));
    cr_assert_eq(worker.lag.live, 0);
    cr_assert_eq(worker.lag.slow, 0);
}
