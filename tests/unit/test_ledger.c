/* SPDX-License-Identifier: MIT */
/* The ledger: what is noted is found until every worker has forgotten it, and nothing else is. */
#include <criterion/criterion.h>

#include "engine/ledger.h"

static struct ledger ledger;
static _Atomic uint64_t record_bytes;

static void open_ledger(void)
{
    static const struct hash_key key;
    ledger_init(&ledger, 2, &key, &record_bytes);
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
    ledger_number(&ledger, &end, 1, 5);
    ledger_forget(&ledger, 7, TEXT("a"), 5);
    cr_expect_eq(find("a", 7), FOUND, "one worker has not");
    ledger_forget(&ledger, 7, TEXT("a"), 5);
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
    cr_expect_eq(ledger.memory, map_memory(&ledger.ended) + sieve_memory(&ledger.sieve));
    for (int i = 0; i < 4; i++)
        frame_unref(frames[i]);
}

static struct frame *keyed(const char *channel, const char *key, const char *id)
{
    struct event event = {.channel = text_of(channel),
                          .data = TEXT("x"),
                          .id = text_of(id),
                          .retry_ms = -1,
                          .key = text_of(key)};
    struct frame *frame = NULL;
    cr_assert(frame_new(&event, 7, &frame) == 0);
    cr_assert(text_equals(frame_key(frame), text_of(key)));
    return frame;
}

/* What was published with a key is known until every worker has let go of it. */
Test(ledger, keys, .init = open_ledger, .fini = close_ledger)
{
    struct frame *first = keyed("a", "k", "mine"), *again = keyed("a", "k", "");
    struct frame *other = keyed("b", "k", "");
    char id[EVENT_ID_BYTES_MAX];
    unsigned index = 9;
    cr_assert(ledger_note(&ledger, &first, 1, &index) == 0);
    cr_expect_eq(first->sequence, 0);
    ledger_number(&ledger, &first, 1, 42);
    struct ids ids;
    ids_init(&ids, 1, NULL);
    frame_stamp(first, &ids, 42);
    cr_assert(ledger_note(&ledger, &again, 1, &index) == 0);
    cr_expect_eq(again->sequence, 42);
    cr_expect(text_equals((struct text){id, ledger_given_id(&ledger, again, id)}, TEXT("mine")));
    cr_assert(ledger_note(&ledger, &other, 1, &index) == 0);
    cr_expect_eq(other->sequence, 0, "another channel");
    ledger_erase(&ledger, &other, 1);
    cr_expect(ledger_is_empty(&ledger));
    ledger_forget_key(&ledger, first);
    ledger_forget_key(&ledger, first);
    cr_assert(ledger_note(&ledger, &again, 1, &index) == 0);
    cr_expect_eq(again->sequence, 0, "it is forgotten");
    cr_expect_eq(ledger_note(&ledger, (struct frame *[]){other, again, other}, 3, &index),
                 LEDGER_TWICE);
    frame_unref(first);
    frame_unref(again);
    frame_unref(other);
}

/* Two alike in one request cannot both be the first. */
Test(ledger, twice, .init = open_ledger, .fini = close_ledger)
{
    struct frame *frames[] = {keyed("a", "k", ""), keyed("a", "l", ""), keyed("a", "k", "")};
    unsigned index = 9;
    cr_expect_eq(ledger_note(&ledger, frames, 3, &index), LEDGER_TWICE);
    cr_expect_eq(index, 2);
    cr_expect_eq(ledger.keys.count, 0);
    for (int i = 0; i < 3; i++)
        frame_unref(frames[i]);
}

/* A job's id may well be its channel and its key: they are found as fast as any others. */
Test(ledger, keys_like_their_channels, .init = open_ledger, .fini = close_ledger)
{
    enum { JOBS = 100 };
    struct frame *frames[JOBS];
    char names[JOBS][16];
    for (int i = 0; i < JOBS; i++) {
        snprintf(names[i], sizeof(names[i]), "job/%d", i);
        struct text name = text_of(names[i]);
        struct event event = {.channel = name, .data = TEXT("x"), .retry_ms = -1, .key = name};
        cr_assert(frame_new(&event, hash_text(ledger.hash_key, name), &frames[i]) == 0);
    }
    unsigned index = 9;
    cr_assert(ledger_note(&ledger, frames, JOBS, &index) == 0);
    cr_expect_eq(ledger.keys.count, JOBS, "one list of %d", JOBS - (int)ledger.keys.count + 1);
    ledger_erase(&ledger, frames, JOBS);
    cr_expect_eq(ledger.keys.count, 0);
    for (int i = 0; i < JOBS; i++)
        frame_unref(frames[i]);
}
