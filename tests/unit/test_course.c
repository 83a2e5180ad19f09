/* SPDX-License-Identifier: MIT */
/* What became of an event, from a stream's course; and the ring of streams that have ended. */
#include <criterion/criterion.h>

#include "engine/closes.h"
#include "engine/subscriber_id.h"

static enum course_fate fate(const struct course *course, uint64_t sequence, bool retained,
                             bool many, uint64_t told)
{
    struct course_event event = {sequence, retained, many, told, told != 0};
    return course_fate_of(course, 100, &event);
}

Test(course, what_is_in_history_was_sent_or_waits)
{
    struct course course = {.began = 10};
    cr_expect_eq(fate(&course, 10, true, false, 0), COURSE_BEFORE);
    cr_expect_eq(fate(&course, 11, true, false, 0), COURSE_SENT);
    cr_expect_eq(fate(&course, 100, true, false, 0), COURSE_SENT);
    cr_expect_eq(fate(&course, 101, true, false, 0), COURSE_LACKS);
    cr_expect_eq(fate(&course, 50, false, false, 0), COURSE_SENT, "let go after it was sent");
}

Test(course, what_was_told_to_be_gone_was_not_sent)
{
    struct course course = {.began = 10, .greeted_through = 20};
    cr_expect_eq(fate(&course, 20, false, false, 0), COURSE_GONE);
    cr_expect_eq(fate(&course, 21, false, false, 0), COURSE_SENT);
    /* One of several channels may have lost more than the notice's position says. */
    cr_expect_eq(fate(&course, 21, false, true, 25), COURSE_GONE);
    cr_expect_eq(fate(&course, 26, false, true, 25), COURSE_SENT);
    cr_expect_eq(fate(&course, 26, false, true, 0), COURSE_UNKNOWN);
    cr_expect_eq(fate(&(struct course){.began = 10}, 12, false, true, 12), COURSE_GONE);
    course_skip(&course, 40, 50, false);
    cr_expect_eq(fate(&course, 40, false, false, 0), COURSE_SENT);
    cr_expect_eq(fate(&course, 41, false, false, 0), COURSE_SKIPPED);
    cr_expect_eq(fate(&course, 50, false, false, 0), COURSE_SKIPPED);
    cr_expect_eq(fate(&course, 51, false, false, 0), COURSE_SENT);
    cr_expect_eq(fate(&course, 40, false, true, 60), COURSE_UNKNOWN);
    cr_expect_eq(fate(&course, 60, false, true, 60), COURSE_SKIPPED);
    cr_expect_eq(fate(&course, 61, false, true, 60), COURSE_SENT);
    course_skip(&course, 70, 80, false);
    cr_expect_eq(fate(&course, 45, false, false, 0), COURSE_UNKNOWN, "before the latest loss");
    cr_expect_eq(fate(&course, 75, false, false, 0), COURSE_SKIPPED);
    cr_expect_eq(fate(&course, 81, false, false, 0), COURSE_SENT);
}

Test(course, what_is_retained_may_have_been_kept_back)
{
    struct course course = {.began = 10};
    course_skip(&course, 40, 50, true);
    cr_expect_eq(fate(&course, 40, true, false, 0), COURSE_SENT);
    cr_expect_eq(fate(&course, 41, true, false, 0), COURSE_SKIPPED);
    cr_expect_eq(fate(&course, 50, true, true, 0), COURSE_SKIPPED);
    cr_expect_eq(fate(&course, 50, false, false, 0), COURSE_SKIPPED, "and let go since");
    cr_expect_eq(fate(&course, 51, true, false, 0), COURSE_SENT);
    course_skip(&course, 70, 80, false);
    cr_expect_eq(fate(&course, 45, true, false, 0), COURSE_UNKNOWN, "with an earlier loss");
    cr_expect_eq(fate(&course, 75, true, false, 0), COURSE_SENT, "by the latest nothing was");
    cr_expect_eq(fate(&course, 81, true, false, 0), COURSE_SENT);
}

Test(course, so_many_closes_are_remembered)
{
    struct closes *closes = closes_new();
    cr_assert_not_null(closes);
    struct close_record record;
    for (uint32_t i = 0; i < CLOSES_REMEMBERED + 10; i++) {
        record = (struct close_record){.id = subscriber_id_of(i % 3, 1 + i), .cursor = i};
        closes_note(closes, &record);
    }
    for (uint32_t i = 0; i < CLOSES_REMEMBERED + 10; i++) {
        bool found = closes_find(closes, subscriber_id_of(i % 3, 1 + i), &record);
        cr_assert_eq(found, i >= 10, "%u", i);
        cr_assert(!found || record.cursor == i);
    }
    cr_expect(!closes_find(closes, subscriber_id_of(0, 1 << 20), &record), "another one's serial");
    closes_free(closes);
}
