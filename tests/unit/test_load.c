/* SPDX-License-Identifier: MIT */
/* The benchmarks' histogram and schedule. */
#include <criterion/criterion.h>

#include "bench/load/histogram.h"
#include "bench/load/marker.h"
#include "bench/load/schedule.h"

Test(histogram, keeps_every_value_to_a_thousandth)
{
    static struct histogram histogram;
    for (uint64_t value = 1; value < UINT32_MAX; value += value / 3 + 1) {
        histogram = (struct histogram){0};
        histogram_add(&histogram, (uint32_t)value);
        histogram_add(&histogram, UINT32_MAX);
        uint64_t found = histogram_at(&histogram, 0.5);
        cr_assert_geq(found, value);
        cr_assert_leq(found - value, value / 1000 + 1, "%lu is kept as %lu", value, found);
    }
    cr_expect_eq(histogram_at(&histogram, 1), UINT32_MAX);
}

Test(histogram, percentiles_of_a_thousand_values)
{
    static struct histogram all, half;
    for (uint32_t value = 1; value <= 1000; value++)
        histogram_add(value % 2 ? &all : &half, value);
    histogram_merge(&all, &half);
    cr_expect_eq(all.count, 1000);
    cr_expect_eq(histogram_at(&all, 0), 1);
    cr_expect_eq(histogram_at(&all, 0.5), 500);
    cr_expect_eq(histogram_at(&all, 0.99), 990);
    cr_expect_eq(histogram_at(&all, 1), 1000);
}

static uint32_t sequence_of(const struct schedule *schedule)
{
    uint32_t sequence = 0, intended_us;
    cr_assert(marker_read(schedule->data, &sequence, &intended_us));
    return sequence;
}

Test(schedule, an_event_taken_late_keeps_its_time)
{
    struct schedule schedule = {.rate = 1000, .events = 3, .bytes = 20, .channels = 1};
    struct due due;
    schedule_begin(&schedule);
    uint64_t begin = schedule.begin_us;
    cr_assert(schedule_take(&schedule, begin, &due));
    cr_expect_not(schedule_take(&schedule, begin + 999, &due));
    cr_expect_eq(schedule_next_us(&schedule), begin + 1000);
    cr_assert(schedule_take(&schedule, begin + 50000, &due));
    cr_expect_eq(due.intended_us, begin + 1000);
    cr_assert(schedule_take(&schedule, begin + 50000, &due));
    cr_expect_eq(due.intended_us, begin + 2000);
    cr_expect_eq(sequence_of(&schedule), 3);
    cr_expect(schedule_is_over(&schedule, begin));
    schedule_end(&schedule);
}

Test(schedule, bursts_come_together)
{
    struct schedule schedule = {
        .burst = 3, .pause_ms = 10, .events = 6, .bytes = 16, .channels = 1};
    struct due due;
    unsigned taken = 0;
    schedule_begin(&schedule);
    uint64_t begin = schedule.begin_us;
    while (schedule_take(&schedule, begin + 9999, &due))
        taken++;
    cr_expect_eq(taken, 3);
    while (schedule_take(&schedule, begin + 10000, &due))
        cr_expect_eq(due.intended_us, begin + 10000);
    cr_expect_eq(schedule.made, 6);
    schedule_end(&schedule);
}

Test(schedule, every_channel_counts_for_itself_and_some_are_popular)
{
    struct schedule schedule = {.events = 10000, .bytes = 16, .channels = 100, .zipf = 1};
    struct due due;
    uint32_t counts[100] = {0};
    schedule_begin(&schedule);
    while (schedule_take(&schedule, schedule.begin_us, &due))
        cr_assert_eq(sequence_of(&schedule), ++counts[due.channel]);
    cr_expect_gt(counts[0], 10 * counts[50]);
    cr_expect_gt(counts[99], 0);
    for (unsigned i = 0; i < 100; i++)
        cr_expect_eq(schedule.sequences[i], counts[i]);
    schedule_end(&schedule);
}
