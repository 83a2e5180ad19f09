/* SPDX-License-Identifier: MIT */
/* Slots: a crowd that was refused together comes back at the measured rate, by counting. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/slots.h"

#define MS INT64_C(1000000)
#define AT (INT64_C(77) * 3600 * 1000 * MS) /* any time */

static void accept_so_many(struct slots *slots, unsigned count, int64_t now_ns)
{
    for (unsigned i = 0; i < count; i++)
        slots_accept(slots, now_ns + (int64_t)i * 1000);
}

/* How many of so many come back in each part of the time; nothing comes before `least_ms`. */
static void take(struct slots *slots, unsigned count, uint32_t least_ms, uint32_t part_ms,
                 unsigned *parts, unsigned part_count)
{
    memset(parts, 0, part_count * sizeof(*parts));
    for (unsigned i = 0; i < count; i++) {
        uint32_t ms = slots_take(slots, AT, least_ms);
        cr_assert_geq(ms, least_ms);
        cr_assert_lt((ms - least_ms) / part_ms, part_count, "slot %u is after %u ms", i, ms);
        parts[(ms - least_ms) / part_ms]++;
    }
}

Test(slots, come_back_at_the_measured_rate)
{
    struct slots slots = {0};
    unsigned parts[50];
    accept_so_many(&slots, 500, AT - 150 * MS); /* in a tenth of a second */
    slots_accept(&slots, AT - 10 * MS);
    cr_assert_eq(slots_rate(&slots), 5000);
    take(&slots, 2500, 2000, 10, parts, 50);
    for (unsigned i = 0; i < 50; i++)
        cr_assert_eq(parts[i], 50, "%u in part %u", parts[i], i);
}

Test(slots, who_is_refused_later_comes_behind)
{
    struct slots slots = {0};
    for (unsigned i = 0; i < 50; i++) /* half a second of slots */
        (void)slots_take(&slots, AT, 2000);
    cr_assert_eq(slots_take(&slots, AT + 100 * MS, 2000), 2400);
    cr_assert_eq(slots_take(&slots, AT + 100 * MS, 2000), 2410);
    cr_assert_eq(slots_take(&slots, AT + 5000 * MS, 2000), 2000); /* the queue is over */
}

Test(slots, the_rate_has_bounds)
{
    struct slots slots = {0};
    cr_assert_eq(slots_rate(&slots), SLOTS_RATE_MIN);
    slots_accept(&slots, AT);
    cr_assert_eq(slots_rate(&slots), SLOTS_RATE_MIN);
    slots.best = UINT32_MAX;
    cr_assert_eq(slots_rate(&slots), SLOTS_RATE_MAX);
}

Test(slots, the_wait_has_bounds)
{
    struct slots slots = {0};
    unsigned parts[SLOTS_SPREAD_MS_MAX / 1000 + 1];
    cr_assert_eq(slots_take(&slots, AT, 0), SLOTS_LEAST_MS);
    /* Twice as many as there are slots: each second of the spread has twice its share. */
    slots = (struct slots){0};
    take(&slots, 2 * SLOTS_RATE_MIN * SLOTS_SPREAD_MS_MAX / 1000, 2000, 1000, parts,
         SLOTS_SPREAD_MS_MAX / 1000 + 1);
    for (unsigned i = 0; i < SLOTS_SPREAD_MS_MAX / 1000; i++)
        cr_assert(parts[i] + 2 >= 2 * SLOTS_RATE_MIN && parts[i] <= 2 * SLOTS_RATE_MIN + 2,
                  "%u in second %u", parts[i], i);
}

/* A server that is full accepts nobody, and still knows how fast it is; one that became slower is
 * believed after two minutes at most. */
Test(slots, the_rate_is_of_the_last_minutes_in_which_somebody_came)
{
    struct slots slots = {0};
    accept_so_many(&slots, 1000, AT);
    slots_accept(&slots, AT + 3600 * 1000 * MS);
    cr_assert_eq(slots_rate(&slots), 10000);
    for (int64_t second = 1; second <= 121; second++)
        accept_so_many(&slots, 20, AT + (3600 + second) * 1000 * MS);
    cr_assert_eq(slots_rate(&slots), 200);
}
