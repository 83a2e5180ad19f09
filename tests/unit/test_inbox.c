/* SPDX-License-Identifier: MIT */
/* The inbox as one thread sees it; tests/stress has the many. */
#include <criterion/criterion.h>

#include "engine/inbox.h"
#include "engine_frames.h"

#define SLOTS 8u

static struct inbox inbox;
static struct conveyor conveyor;
static struct sleepers sleepers;

/* As publishers see it, who look at the words alone. */
static bool may_sleep(void)
{
    cr_expect_eq(sleepers.words[0] | (sleepers.words[1] & ~UINT64_C(2)), 0, "others do not");
    return sleepers.words[1] & 2;
}

static void set_up(void)
{
    cr_assert_eq(conveyor_init(&conveyor, SLOTS), 0);
    inbox_init(&inbox, &conveyor, &sleepers, 65);
}

static void tear_down(void)
{
    inbox_deinit(&inbox);
    conveyor_deinit(&conveyor);
}

TestSuite(inbox, .init = set_up, .fini = tear_down);

static void put(uint64_t sequence)
{
    conveyor_put(&conveyor, sequence, frame_make(1, "", sequence));
}

/* Takes at most `max` and expects the sequences from `first` to before `end`. */
static void expect_taken(unsigned max, uint64_t first, uint64_t end)
{
    struct frame *frames[2 * SLOTS];
    unsigned count = inbox_take(&inbox, frames, max);
    cr_assert_eq(count, end - first);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(frames[i]->sequence, first + i);
        frame_unref(frames[i]);
    }
    cr_assert_eq(inbox_position(&inbox), end);
}

Test(inbox, takes_in_sequence_round_after_round)
{
    expect_taken(SLOTS, 1, 1);
    for (uint64_t first = 1; first < 100;) {
        uint64_t end = first + 1 + first % SLOTS;
        for (uint64_t sequence = end - 1; sequence >= first; sequence--)
            put(sequence); /* stored backwards, taken forwards */
        expect_taken(2 * SLOTS, first, end);
        first = end;
    }
}

Test(inbox, stops_at_a_hole)
{
    put(1);
    put(2);
    put(4);
    put(5);
    expect_taken(SLOTS, 1, 3);
    expect_taken(SLOTS, 3, 3);
    put(3);
    expect_taken(SLOTS, 3, 6);
}

Test(inbox, takes_no_more_than_asked)
{
    for (uint64_t sequence = 1; sequence <= SLOTS; sequence++)
        put(sequence);
    expect_taken(3, 1, 4);
    expect_taken(3, 4, 7);
    expect_taken(3, 7, 9);
}

Test(inbox, room_is_what_was_taken)
{
    cr_expect(inbox_has_room(&inbox, 1, SLOTS));
    cr_expect_not(inbox_has_room(&inbox, 1, SLOTS + 1));
    cr_expect(inbox_has_room(&inbox, SLOTS, 1));
    cr_expect_not(inbox_has_room(&inbox, SLOTS + 1, 1));
    for (uint64_t sequence = 1; sequence <= SLOTS; sequence++)
        put(sequence);
    expect_taken(2, 1, 3);
    cr_expect(inbox_has_room(&inbox, SLOTS + 1, 2));
    cr_expect_not(inbox_has_room(&inbox, SLOTS + 1, 3));
    put(SLOTS + 1);
    put(SLOTS + 2);
    expect_taken(2 * SLOTS, 3, SLOTS + 3);
}

Test(inbox, messages_come_in_the_order_of_posting)
{
    struct message messages[5];
    cr_expect_null(inbox_take_messages(&inbox));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++)
            inbox_post(&inbox, &messages[i]);
        struct message *message = inbox_take_messages(&inbox);
        for (int i = 0; i < 5; i++, message = message->next)
            cr_assert_eq(message, &messages[i]);
        cr_expect_null(message);
        cr_expect_null(inbox_take_messages(&inbox));
    }
}

Test(inbox, parks_only_if_there_is_nothing)
{
    struct message message;
    cr_expect_not(inbox_claim_wake(&inbox), "nobody sleeps");
    cr_expect_not(may_sleep());
    cr_expect(inbox_park(&inbox));
    cr_expect(may_sleep());
    cr_expect(inbox_claim_wake(&inbox), "the first one wakes");
    cr_expect_not(inbox_claim_wake(&inbox), "once per parking");
    inbox_unpark(&inbox);
    cr_expect_not(may_sleep());

    put(1);
    cr_expect_not(inbox_park(&inbox), "an event is there");
    cr_expect_not(may_sleep());
    cr_expect_not(inbox_claim_wake(&inbox), "and it is awake again");
    expect_taken(1, 1, 2);
    inbox_post(&inbox, &message);
    cr_expect_not(inbox_park(&inbox), "a message is there");
    cr_expect_eq(inbox_take_messages(&inbox), &message);

    put(3); /* 2 is claimed and not stored: whoever stores it will wake */
    cr_expect(inbox_park(&inbox));
    put(2);
    cr_expect(inbox_claim_wake(&inbox));
    inbox_unpark(&inbox);
    expect_taken(SLOTS, 2, 4);

    cr_expect(inbox_park(&inbox));
    inbox_unpark(&inbox);
    cr_expect_not(inbox_claim_wake(&inbox), "woken by something else");
}

Test(inbox, releases_what_was_never_taken)
{
    put(1);
    put(2);
    struct frame *frame = frame_make(1, "", 3);
    conveyor_put(&conveyor, 3, frame_ref(frame));
    tear_down();
    cr_expect_eq(atomic_load(&frame->references), 1);
    frame_unref(frame);
    set_up();
}

/* Each has its own place; what one has taken is there for the others. */
Test(inbox, many_read_one_conveyor)
{
    struct inbox other = {0};
    inbox_init(&other, &conveyor, &sleepers, 66);
    for (uint64_t sequence = 1; sequence < 20 * SLOTS; sequence++) {
        struct frame *frame = frame_make(1, "", sequence), *taken;
        conveyor_put(&conveyor, sequence, frame_ref(frame));
        cr_assert_eq(inbox_take(&inbox, &taken, 1), 1);
        cr_assert_eq(taken, frame);
        cr_assert_eq(inbox_take(&inbox, &taken, 1), 0, "what an earlier lap left is not taken");
        cr_assert_eq(inbox_take(&other, &taken, 2), 1);
        cr_assert_eq(taken, frame);
        frame_unref(frame);
        frame_unref(frame);
    }
    inbox_deinit(&other);
}
