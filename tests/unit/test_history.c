/* SPDX-License-Identifier: MIT */
/* History: places, the way back from a sequence to a place, and what is known of evicted events. */
#include <criterion/criterion.h>

#include "engine/history.h"
#include "engine_frames.h"

static const struct hash_key key = {{1, 2, 3}};

static void add(struct history *history, uint64_t sequence, const char *id)
{
    cr_assert_eq(history_add(history, &key, frame_make(1, id, sequence)), 0);
}

static void evict(struct history *history, uint64_t expected)
{
    struct frame *frame = history_evict(history, &key);
    cr_assert_eq(frame->sequence, expected);
    frame_unref(frame);
}

/* Sequences of a channel that shares the hub with others: 3, 6, 9, ... and now and then a jump. */
static uint64_t sequence_of(uint64_t nth)
{
    return 3 * nth + nth / 7 * 50;
}

Test(history, places_stay_while_frames_come_and_go)
{
    struct history history;
    history_init(&history, 0);
    uint64_t first = 1, next = 1;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < round % 11; i++)
            add(&history, sequence_of(next++), "");
        for (int i = 0; i < round % 7 && first < next; i++)
            evict(&history, sequence_of(first++));
        cr_assert_eq(history_count(&history), next - first);
        uint64_t bytes = 0;
        for (uint64_t nth = first; nth < next; nth++) {
            /* The nth event ever has place nth - 1. */
            const struct frame *frame = history_at(&history, nth - 1);
            cr_assert_eq(frame->sequence, sequence_of(nth));
            bytes += frame->len;
        }
        cr_assert_eq(history.bytes, bytes);
        cr_assert_eq(history.evicted_through, first > 1 ? sequence_of(first - 1) : 0);
    }
    history_deinit(&history);
}

Test(history, after_finds_the_first_later_frame)
{
    struct history history;
    history_init(&history, 0);
    cr_expect_eq(history_after(&history, 0), history.end, "empty");
    for (uint64_t nth = 1; nth <= 40; nth++)
        add(&history, sequence_of(nth), "");
    for (uint64_t nth = 1; nth <= 5; nth++)
        evict(&history, sequence_of(nth));
    for (uint64_t sequence = 0; sequence < sequence_of(40) + 10; sequence++) {
        uint64_t expected = 6;
        while (expected <= 40 && sequence_of(expected) <= sequence)
            expected++;
        cr_assert_eq(history_after(&history, sequence), expected - 1, "after %lu", sequence);
        for (uint64_t place = history.begin; place < expected; place++)
            cr_assert_eq(history_after_from(&history, place, sequence), expected - 1,
                         "after %lu from %lu", sequence, place);
    }
    cr_expect_eq(history_after(&history, UINT64_MAX), history.end);
    history_deinit(&history);
}

/* What docs/formats.md promises of the first `evicted` events of a history that began at `from`. */
static int64_t missed_by_hand(uint64_t from, uint64_t evicted, uint64_t sequence)
{
    uint64_t exact_from = from;
    if (evicted > EVICTED_REMEMBERED)
        exact_from = from + sequence_of(evicted - EVICTED_REMEMBERED);
    if (sequence >= from + (evicted ? sequence_of(evicted) : 0))
        return 0;
    if (sequence < exact_from)
        return -1;
    int64_t missed = 0;
    for (uint64_t nth = evicted; nth > 0 && from + sequence_of(nth) > sequence; nth--)
        missed++;
    return missed;
}

/* Past two rounds of the remembered ones, since their count starts over there. */
static void expect_missed_for(uint64_t from)
{
    struct history history;
    history_init(&history, from);
    uint64_t evicted = 0;
    for (uint64_t nth = 1; nth <= 4 * EVICTED_REMEMBERED + 10; nth++) {
        add(&history, from + sequence_of(nth), "");
        if (nth <= 3)
            continue;
        evict(&history, from + sequence_of(++evicted));
        bool near_an_edge = evicted % EVICTED_REMEMBERED < 3 ||
                            evicted % EVICTED_REMEMBERED > EVICTED_REMEMBERED - 3 ||
                            (evicted & (evicted - 1)) == 0;
        if (!near_an_edge && evicted % 97)
            continue;
        uint64_t end = from + sequence_of(evicted) + 5;
        uint64_t step = end > 2000 ? end / 700 : 1;
        for (uint64_t sequence = 0; sequence < end; sequence += step)
            cr_assert_eq(history_missed(&history, sequence),
                         missed_by_hand(from, evicted, sequence), "evicted %lu, from %lu", evicted,
                         sequence);
        /* The edge itself: the last 1,024, and one more. */
        uint64_t edge = evicted > EVICTED_REMEMBERED ? evicted - EVICTED_REMEMBERED : 0;
        if (edge) {
            uint64_t sequence = from + sequence_of(edge);
            cr_assert_eq(history_missed(&history, sequence), (int64_t)EVICTED_REMEMBERED);
            cr_assert_eq(history_missed(&history, sequence - 1), -1);
        }
    }
    history_deinit(&history);
}

/* Each time it is empty it gives its memory back, and still knows all it has to know. */
Test(history, an_empty_history_keeps_what_it_remembers_and_no_ring)
{
    struct history history;
    history_init(&history, 0);
    uint64_t added = 0, evicted = 0;
    for (unsigned round = 1; added < 3 * EVICTED_REMEMBERED; round++) {
        for (unsigned i = 0; i < round; i++)
            add(&history, sequence_of(++added), "");
        while (evicted < added)
            evict(&history, sequence_of(++evicted));
        cr_assert_null(history.ring);
        uint64_t remembered = evicted < EVICTED_REMEMBERED ? evicted : EVICTED_REMEMBERED;
        cr_assert_leq(history.remembered_capacity, EVICTED_REMEMBERED);
        if (evicted < EVICTED_REMEMBERED)
            cr_assert_eq(history.remembered_capacity, evicted);
        uint64_t sequence = sequence_of(evicted - remembered);
        cr_assert_eq(history_missed(&history, sequence), (int64_t)remembered, "%lu", evicted);
        if (sequence)
            cr_assert_eq(history_missed(&history, sequence - 1), -1);
    }
    history_deinit(&history);
}

Test(history, missed_is_exact_or_unknown)
{
    expect_missed_for(0);
}

Test(history, missed_is_unknown_before_the_record_was_made)
{
    expect_missed_for(5000);
    struct history history;
    history_init(&history, 70);
    cr_expect_eq(history_missed(&history, 69), -1);
    cr_expect_eq(history_missed(&history, 70), 0);
    history_deinit(&history);
}

Test(history, given_ids_one_several_none)
{
    struct history history;
    uint64_t found = 0;
    history_init(&history, 0);
    cr_expect_eq(history_find_id(&history, &key, TEXT("a"), &found), 0);
    add(&history, 1, "a");
    add(&history, 2, "");
    add(&history, 3, "b");
    add(&history, 4, "a");
    cr_expect_eq(history_find_id(&history, &key, TEXT("b"), &found), 1);
    cr_expect_eq(found, 3);
    cr_expect_eq(history_find_id(&history, &key, TEXT("a"), &found), 2, "several");
    cr_expect_eq(history_find_id(&history, &key, TEXT("c"), &found), 0);
    evict(&history, 1);
    cr_expect_eq(history_find_id(&history, &key, TEXT("a"), &found), 1, "one is left");
    cr_expect_eq(found, 4, "the newer one");
    evict(&history, 2);
    evict(&history, 3);
    cr_expect_eq(history_find_id(&history, &key, TEXT("b"), &found), 0, "evicted");
    evict(&history, 4);
    cr_expect_eq(history_find_id(&history, &key, TEXT("a"), &found), 0);
    cr_expect_eq(history.ids.count, 0);
    cr_expect_null(history.ids.cells, "the table exists only where ids are used");
    history_deinit(&history);
}

Test(history, our_own_ids_are_not_noted)
{
    struct history history;
    uint64_t found;
    history_init(&history, 0);
    add(&history, 1, "");
    char id[ID_LEN];
    struct ids ids;
    ids_init(&ids, 1, NULL);
    id_format(id, &ids, 1);
    cr_expect_eq(history_find_id(&history, &key, (struct text){id, ID_LEN}, &found), 0);
    cr_expect_null(history.ids.cells);
    history_deinit(&history);
}
