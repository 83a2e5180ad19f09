/* SPDX-License-Identifier: MIT */
/* A subscriber's flags: what goes out takes no other with it. And its channels, which are found
 * among many as among few. */
#include <criterion/criterion.h>

#include "engine/worker/subscriber.h"

/* Added, not combined: two flags of one bit would show. */
#define ALL                                                                                        \
    (SUBSCRIBER_MANY + SUBSCRIBER_FORM + SUBSCRIBER_LAGGING + SUBSCRIBER_SLOW +                    \
     SUBSCRIBER_LISTED + SUBSCRIBER_QUEUED + SUBSCRIBER_LIMITED + SUBSCRIBER_PROMISED +            \
     SUBSCRIBER_BARE + SUBSCRIBER_TIMED + SUBSCRIBER_POLLS)

Test(subscriber, every_flag_has_its_place)
{
    struct subscriber subscriber = {.flags = ALL};
    cr_assert_eq(subscriber.flags, ALL);
    cr_assert_eq(ALL, (1 << 11) - 1);
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
    struct subscriber subscriber = {.flags = ALL, .ending = CLOSE_IDLE};
    subscriber_caught_up(&worker, &subscriber);
    cr_assert_eq(subscriber.flags, ALL & ~(SUBSCRIBER_LAGGING | SUBSCRIBER_SLOW));
    cr_assert(subscriber_is_ending(&worker, &subscriber));
    cr_assert_eq(worker.lag.live, 0);
    cr_assert_eq(worker.lag.slow, 0);
}

/* A client often closes as soon as it has the last chunk, and is heard before that is settled. */
Test(subscriber, an_end_of_ours_is_counted_as_ours)
{
    static const enum close_reason reasons[] = {CLOSE_EXPIRED, CLOSE_AGE, CLOSE_IDLE};
    static struct worker worker;
    static struct ending ending;
    static struct channel channel = {.ending = &ending}, open;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct subscriber subscriber = {.ending = (uint8_t)reasons[i], .channel = &channel};
        cr_expect_eq(subscriber_end_reason(&worker, &subscriber), reasons[i]);
    }
    struct subscriber left = {.ending = CLOSE_GONE, .channel = &channel};
    cr_expect_eq(subscriber_end_reason(&worker, &left), CLOSE_ENDED);
    left.channel = &open;
    cr_expect_eq(subscriber_end_reason(&worker, &left), CLOSE_GONE);
    left.ending = CLOSE_NONE;
    cr_expect_eq(subscriber_end_reason(&worker, &left), CLOSE_LIMIT);
}

Test(subscriber, a_channel_of_many_is_found_at_once)
{
    static struct channel *listed[SUBSCRIBER_CHANNELS_MAX];
    uint32_t count = SUBSCRIBER_CHANNELS_MAX;
    struct channel_set *set = malloc(sizeof(*set) + count * sizeof(set->items[0]));
    uint64_t hash = 1;
    cr_assert_not_null(set);
    for (uint32_t i = 0; i < count; i++) {
        hash = hash * 6364136223846793005u + 1442695040888963407u;
        listed[i] = calloc(1, sizeof(struct channel));
        cr_assert_not_null(listed[i]);
        listed[i]->hash = hash >> 16;
    }
    for (uint32_t size = count; size > 0; size /= 3) {
        uint32_t steps = 0;
        channel_set_fill(set, listed, size);
        for (uint32_t i = 0; i < size; i++) {
            cr_assert_eq(membership_of(set, listed[i]), &set->items[i]);
            for (uint32_t at = set->items[listed[i]->hash % size].first; at != i; steps++)
                at = set->items[at].next;
        }
        cr_assert_leq(steps, size, "%u steps for %u channels", steps, size);
    }
    for (uint32_t i = 0; i < count; i++)
        free(listed[i]);
    free(set);
}
