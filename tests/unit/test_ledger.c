/* SPDX-License-Identifier: MIT */
/* The ledger: what is noted is found until every worker has forgotten it, and nothing else is. */
#include <criterion/criterion.h>

#include "engine/ledger.h"

static struct ledger ledger;
static _Atomic uint64_t record_bytes;

static void open_ledger(void)
{
    ledger_init(&ledger, 2, &record_bytes);
}

static void close_ledger(void)
{
    ledger_deinit(&ledger);
}

static struct frame *frame_of(const char *channel, bool ends, uint64_t hash)
{
    struct event event = {
        .channel = text_of(channel), .data = TEXT("x"), .retry_ms = -1, .ends = ends};
    struct frame *frame = NULL;
    cr_assert(frame_new(&event, hash, &frame) == 0);
    return frame;
}

static unsigned find(const char *channel, uint64_t hash)
{
    struct frame *frame = frame_of(channel, false, hash);
    unsigned found = ledger_find_ended(&ledger, &frame, 1);
    frame_unref(frame);
    return found;
}

#define FOUND 0u
#define OPEN  1u

Test(ledger, forgotten_by_all, .init = open_ledger, .fini = close_ledger)
{
    struct frame *end = frame_of("a", true, 7);
    unsigned index = 9;
    cr_assert(ledger_note(&ledger, &end, 1, &index) == 0);
    cr_expect_gt(record_bytes, 0);
    cr_expect_eq(find("a", 7), FOUND);
    cr_expect_eq(find("b", 7), OPEN, "another channel with the same hash");
    cr_expect_eq(find("a", 8), OPEN);
    cr_expect_eq(ledger_note(&ledger, &end, 1, &index), LEDGER_ENDED);
    cr_expect_eq(index, 0);
    ledger_forget(&ledger, 7, TEXT("a"));
    cr_expect_eq(find("a", 7), FOUND, "one worker has not");
    ledger_forget(&ledger, 7, TEXT("a"));
    cr_expect_eq(find("a", 7), OPEN);
    cr_expect(ledger_is_empty(&ledger));
    frame_unref(end);
}

/* A request is noted whole or not at all. */
Test(ledger, one_request, .init = open_ledger, .fini = close_ledger)
{
    struct frame *frames[] = {frame_of("a", true, 7), frame_of("b", true, 7),
                              frame_of("c", false, 1), frame_of("a", false, 7)};
    unsigned index = 9;
    cr_expect_eq(ledger_note(&ledger, frames, 4, &index), LEDGER_ENDED);
    cr_expect_eq(index, 3, "it is ended by the first");
    cr_expect(ledger_is_empty(&ledger));
    cr_expect_eq(ledger_note(&ledger, frames, 3, &index), 0);
    cr_expect_eq(ledger_find_ended(&ledger, frames + 2, 2), 1);
    ledger_erase(&ledger, frames, 3);
    cr_expect(ledger_is_empty(&ledger));
    cr_expect_eq(ledger.memory, map_memory(&ledger.ended));
    for (int i = 0; i < 4; i++)
        frame_unref(frames[i]);
}
