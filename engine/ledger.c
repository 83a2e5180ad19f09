/* SPDX-License-Identifier: MIT */
/* What publishers look into before they claim: see ledger.h. */
#include "engine/ledger.h"

#include <errno.h>

struct ledger_end {
    struct ledger_end *same_hash; /* another channel with the same 64-bit hash */
    unsigned workers;             /* that have not forgotten it */
    uint16_t name_len;
    char name[];
};

void ledger_init(struct ledger *ledger, unsigned workers, _Atomic uint64_t *record_bytes)
{
    *ledger = (struct ledger){.workers = workers, .record_bytes = record_bytes};
    pthread_mutexattr_t attributes;
    int r = pthread_mutexattr_init(&attributes);
    CHECK(r == 0);
    r = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    CHECK(r == 0);
    r = pthread_mutex_init(&ledger->lock, &attributes);
    CHECK(r == 0);
    pthread_mutexattr_destroy(&attributes);
}

void ledger_deinit(struct ledger *ledger)
{
    for (uint32_t i = 0; ledger->ended.cells && i <= ledger->ended.mask; i++) {
        if (!ledger->ended.cells[i].key)
            continue;
        struct ledger_end *end = (struct ledger_end *)(uintptr_t)ledger->ended.cells[i].value;
        while (end) {
            struct ledger_end *next = end->same_hash;
            free(end);
            end = next;
        }
    }
    map_deinit(&ledger->ended);
    pthread_mutex_destroy(&ledger->lock);
}

void ledger_lock(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
}

void ledger_unlock(struct ledger *ledger)
{
    pthread_mutex_unlock(&ledger->lock);
}

static void count(struct ledger *ledger, uint64_t more, uint64_t less)
{
    ledger->memory += more - less;
    atomic_fetch_add_explicit(ledger->record_bytes, more - less, memory_order_relaxed);
}

static size_t end_memory(const struct ledger_end *end)
{
    return heap_bytes(sizeof(*end) + end->name_len);
}

/* Where the channel's end is linked, or would be; NULL: no channel of that hash has ended. */
static struct ledger_end *find_end(const struct ledger *ledger, uint64_t hash, struct text name)
{
    const uint64_t *value = map_find(&ledger->ended, hash);
    struct ledger_end *end = value ? (struct ledger_end *)(uintptr_t)*value : NULL;
    while (end && !text_equals((struct text){end->name, end->name_len}, name))
        end = end->same_hash;
    return end;
}

unsigned ledger_find_ended(const struct ledger *ledger, struct frame *const *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i && frames[i]->channel_hash == frames[i - 1]->channel_hash &&
            text_equals(frame_channel(frames[i]), frame_channel(frames[i - 1])))
            continue;
        if (find_end(ledger, frames[i]->channel_hash, frame_channel(frames[i])))
            return i;
    }
    return count;
}

static int add_end(struct ledger *ledger, const struct frame *frame)
{
    struct text name = frame_channel(frame);
    struct ledger_end *end = malloc(sizeof(*end) + name.len);
    size_t before = map_memory(&ledger->ended);
    uint64_t *value = end ? map_insert(&ledger->ended, frame->channel_hash) : NULL;
    if (!value) {
        free(end);
        return -ENOMEM;
    }
    *end = (struct ledger_end){.same_hash = (struct ledger_end *)(uintptr_t)*value,
                               .workers = ledger->workers,
                               .name_len = (uint16_t)name.len};
    memcpy(end->name, name.at, name.len);
    *value = (uint64_t)(uintptr_t)end;
    count(ledger, map_memory(&ledger->ended) + end_memory(end), before);
    return 0;
}

static void remove_end(struct ledger *ledger, uint64_t hash, struct ledger_end *end)
{
    uint64_t *value = map_find(&ledger->ended, hash);
    CHECK(value);
    size_t before = map_memory(&ledger->ended);
    struct ledger_end *first = (struct ledger_end *)(uintptr_t)*value;
    if (first == end) {
        *value = (uint64_t)(uintptr_t)end->same_hash;
    } else {
        while (first->same_hash != end)
            first = first->same_hash;
        first->same_hash = end->same_hash;
    }
    if (*value == 0)
        map_remove(&ledger->ended, hash);
    count(ledger, map_memory(&ledger->ended), before + end_memory(end));
    free(end);
}

int ledger_note(struct ledger *ledger, struct frame *const *frames, unsigned count,
                unsigned *ret_index)
{
    int r = 0;
    unsigned i = 0;
    for (; i < count && r == 0; i++) {
        const struct frame *frame = frames[i];
        if (find_end(ledger, frame->channel_hash, frame_channel(frame)))
            r = LEDGER_ENDED;
        else if (frame->flags & FRAME_ENDS)
            r = add_end(ledger, frame);
    }
    if (r == 0)
        return 0;
    ledger_erase(ledger, frames, i - 1);
    *ret_index = i - 1;
    return r;
}

void ledger_erase(struct ledger *ledger, struct frame *const *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t hash = frames[i]->channel_hash;
        if (frames[i]->flags & FRAME_ENDS)
            remove_end(ledger, hash, find_end(ledger, hash, frame_channel(frames[i])));
    }
}

void ledger_forget(struct ledger *ledger, uint64_t hash, struct text name)
{
    ledger_lock(ledger);
    struct ledger_end *end = find_end(ledger, hash, name);
    CHECK(end && end->workers > 0);
    if (--end->workers == 0)
        remove_end(ledger, hash, end);
    ledger_unlock(ledger);
}
