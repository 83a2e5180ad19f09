/* SPDX-License-Identifier: MIT */
/* Workers ask each other who waits for a channel: what is asked, answered and forgotten again. */
#include <criterion/criterion.h>

#include "engine/inquiry.h"

/* Says yes to what is asked of this hash, as a worker does with each tick. How much is open. */
static unsigned answer(struct inquiries *inquiries, uint64_t hash, uint32_t now_ms)
{
    uint32_t index = 0;
    unsigned open = 0;
    for (uint64_t next; (next = inquiry_next(inquiries, now_ms, &index)); open++)
        if (next == hash)
            inquiry_answer(inquiries, next, now_ms, index);
    return open;
}

Test(inquiry, an_answer_is_heard_while_it_is_new)
{
    struct inquiries inquiries = {0};
    uint32_t now_ms = UINT32_MAX - 100; /* the clock may wrap */
    cr_expect_not(inquiry_ask(&inquiries, 7, now_ms));
    cr_expect_eq(answer(&inquiries, 7, now_ms + 250), 1);
    cr_expect(inquiry_ask(&inquiries, 7, now_ms + 300));
    cr_expect(inquiry_ask(&inquiries, 7, now_ms + 249 + INQUIRY_MS));
    cr_expect_not(inquiry_ask(&inquiries, 7, now_ms + 250 + INQUIRY_MS), "an old answer");
}

Test(inquiry, nobody_is_asked_for_ever)
{
    struct inquiries inquiries = {0};
    cr_expect_eq(answer(&inquiries, 7, 5000), 0);
    inquiry_ask(&inquiries, 7, 5000);
    inquiry_ask(&inquiries, 8, 5500);
    cr_expect_eq(answer(&inquiries, 7, 5999), 2);
    cr_expect_eq(answer(&inquiries, 7, 6000), 1);
    cr_expect_eq(answer(&inquiries, 7, 6500), 0);
}

Test(inquiry, an_answer_is_for_its_own_channel)
{
    struct inquiries inquiries = {0};
    inquiry_ask(&inquiries, 7, 5000);
    answer(&inquiries, 7, 5000);
    cr_expect_not(inquiry_ask(&inquiries, 9, 5001));
    /* The place of the first one is given to another channel: its answer is not. */
    for (uint64_t hash = 100; hash < 100 + INQUIRIES_MAX; hash++)
        cr_expect_not(inquiry_ask(&inquiries, hash, 6000), "channel %lu", (unsigned long)hash);
}

Test(inquiry, more_than_there_is_room_for_wait)
{
    struct inquiries inquiries = {0};
    for (uint64_t hash = 1; hash <= INQUIRIES_MAX; hash++)
        cr_expect_not(inquiry_ask(&inquiries, hash, 5000));
    cr_expect_not(inquiry_ask(&inquiries, 1000, 5000));
    cr_expect_eq(answer(&inquiries, 1000, 5000), INQUIRIES_MAX);
    cr_expect_not(inquiry_ask(&inquiries, 1000, 5001), "it was not asked");
    cr_expect_not(inquiry_ask(&inquiries, 1000, 6000), "now it is");
    cr_expect_eq(answer(&inquiries, 1000, 6000), 1);
    cr_expect(inquiry_ask(&inquiries, 1000, 6001));
}

/* A worker's time is that of its turn's beginning, and turns begin when they like. */
Test(inquiry, who_is_behind_in_time_takes_part)
{
    struct inquiries inquiries = {0};
    uint32_t now_ms = 3; /* and the one behind is before the clock's wrap */
    cr_expect_not(inquiry_ask(&inquiries, 7, now_ms));
    cr_expect_eq(answer(&inquiries, 7, now_ms - 5), 1, "it does not see the question");
    inquiry_ask(&inquiries, 8, now_ms - 5);
    cr_expect_eq(answer(&inquiries, 8, now_ms), 2, "it took the other one's place");
    cr_expect(inquiry_ask(&inquiries, 8, now_ms - 5), "it does not hear the answer");
}
