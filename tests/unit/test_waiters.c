/* SPDX-License-Identifier: MIT */
/*
 * The queue of publishers without room: who holds whom up, and for whom nobody is held up. Frames
 * are real, their channel hashes are chosen so that channels share a cell of the table.
 */
#include <criterion/criterion.h>

#include "net/waiters.h"

#define HASH_A 7u
#define HASH_B (7u + WAITER_CELLS) /* another channel, the same cell */
#define HASH_C 8u

static struct hub *hub;
static struct loop loop;
static struct waiters queue;
static struct connection connections[4];
static struct waiter slots[4];

static struct frame *frame_of(uint64_t hash)
{
    struct event event = {.channel = TEXT("c"), .data = TEXT("d"), .retry_ms = -1};
    struct frame *frame = NULL;
    cr_assert_eq(frame_new(&event, hash, &frame), 0);
    return frame;
}

static void add(unsigned slot, uint64_t first, uint64_t second)
{
    struct frame *frames[] = {frame_of(first), frame_of(second)};
    waiters_add(&queue, &slots[slot], &connections[slot], frames, 2);
    frame_unref(frames[0]);
    frame_unref(frames[1]);
}

static bool holds(uint64_t first, uint64_t second)
{
    struct frame *frames[] = {frame_of(first), frame_of(second)};
    bool held = waiters_hold(&queue, frames, 2);
    frame_unref(frames[0]);
    frame_unref(frames[1]);
    return held;
}

static void set_up(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(loop_init(&loop, hub), 0);
    cr_assert_eq(waiters_init(&queue, &loop), 0);
}

static void tear_down(void)
{
    waiters_deinit(&queue);
    loop_deinit(&loop);
    hub_free(hub);
}

TestSuite(waiters, .init = set_up, .fini = tear_down);

Test(waiters, nobody_is_held_up_by_an_empty_queue)
{
    cr_expect_not(holds(HASH_A, HASH_A));
}

Test(waiters, a_newcomer_queues_behind_its_own_channel_only)
{
    add(0, HASH_A, HASH_A);
    cr_expect(holds(HASH_A, HASH_A));
    cr_expect_not(holds(HASH_B, HASH_B), "a channel that only shares the cell");
    cr_expect_not(holds(HASH_C, HASH_C));
    waiters_remove(&queue, &slots[0]);
    cr_expect_not(holds(HASH_A, HASH_A));
}

Test(waiters, a_request_for_several_channels_neither_holds_nor_is_held)
{
    add(0, HASH_A, HASH_C);
    cr_expect_not(holds(HASH_A, HASH_A));
    add(1, HASH_A, HASH_A);
    cr_expect_not(holds(HASH_A, HASH_C));
}

/* A command of the operator's, which is of no channel. */
Test(waiters, who_waits_for_any_room_neither_holds_nor_is_held)
{
    add(0, HASH_A, HASH_A);
    waiters_add(&queue, &slots[1], &connections[1], NULL, 0);
    queue.pass++;
    slots[0].refused_in = queue.pass;
    cr_expect(waiter_waits(&slots[1]));
    cr_expect_not(waiters_blocked(&queue, &slots[1]));
    cr_expect_not(holds(0, 0), "the hash that nobody gave it");
    waiters_remove(&queue, &slots[1]);
    waiters_remove(&queue, &slots[0]);
    cr_expect_not(waiter_waits(&slots[1]));
}

Test(waiters, who_was_refused_keeps_the_later_ones_of_its_channel_waiting)
{
    add(0, HASH_A, HASH_A);
    add(1, HASH_B, HASH_B);
    add(2, HASH_A, HASH_A);
    add(3, HASH_A, HASH_B);
    queue.pass++;
    slots[0].refused_in = queue.pass;
    cr_expect_not(waiters_blocked(&queue, &slots[0]), "the first is always tried");
    cr_expect_not(waiters_blocked(&queue, &slots[1]));
    cr_expect(waiters_blocked(&queue, &slots[2]));
    cr_expect_not(waiters_blocked(&queue, &slots[3]));
    queue.pass++;
    cr_expect_not(waiters_blocked(&queue, &slots[2]), "a new pass, a new try");
}

Test(waiters, order_is_order_of_arrival_and_leaving_twice_is_harmless)
{
    for (unsigned i = 0; i < 4; i++)
        add(i, HASH_A, HASH_A);
    waiters_remove(&queue, &slots[1]);
    waiters_remove(&queue, &slots[1]);
    add(1, HASH_A, HASH_A);
    static const unsigned expected[] = {0, 2, 3, 1};
    unsigned at = 0;
    for (struct link *link = queue.order.next; link != &queue.order; link = link->next)
        cr_expect_eq(LINK_OWNER(link, struct waiter, order), &slots[expected[at++]]);
    cr_expect_eq(at, 4);
}
