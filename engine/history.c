/* SPDX-License-Identifier: MIT */
/* See history.h. */
#include "engine/history.h"

#include <errno.h>

#include "engine/mutation.h"

#define RING_FRAMES_MIN 4u
#define REMEMBERED_MIN  16u
#define ID_COUNT_BITS   16
#define ID_COUNT_MASK   ((1u << ID_COUNT_BITS) - 1)

void history_init(struct history *history, uint64_t evicted_through)
{
    *history =
        (struct history){.evicted_through = evicted_through, .remembered_after = evicted_through};
}

void history_deinit(struct history *history)
{
    for (uint64_t place = history->begin; place < history->end; place++)
        frame_unref(history_at(history, place));
    free(history->ring);
    free(history->remembered);
    map_deinit(&history->ids);
    *history = (struct history){0};
}

static size_t ring_memory(const struct history *history)
{
    return history->ring ? heap_bytes((history->mask + (size_t)1) * sizeof(struct frame *)) : 0;
}

static size_t remembered_memory(const struct history *history)
{
    return heap_bytes(history->remembered_capacity * sizeof(*history->remembered));
}

static int ring_grow(struct history *history)
{
    uint32_t capacity = history->ring ? (history->mask + 1) * 2 : RING_FRAMES_MIN;
    struct frame **ring = malloc(capacity * sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    for (uint64_t place = history->begin; place < history->end; place++)
        ring[place & (capacity - 1)] = history_at(history, place);
    history->memory += heap_bytes(capacity * sizeof(*ring)) - ring_memory(history);
    free(history->ring);
    history->ring = ring;
    history->mask = capacity - 1;
    return 0;
}

/* An id that cannot be noted for want of memory only makes a resume by it `unknown`. */
static void note_id(struct history *history, const struct hash_key *key, const struct frame *frame)
{
    size_t before = map_memory(&history->ids);
    uint64_t *value = map_insert(&history->ids, hash_text(key, frame_id(frame)));
    history->memory += map_memory(&history->ids) - before;
    if (!value)
        return;
    uint64_t count = *value & ID_COUNT_MASK;
    *value = frame->sequence << ID_COUNT_BITS | (count < ID_COUNT_MASK ? count + 1 : count);
}

static void forget_id(struct history *history, const struct hash_key *key,
                      const struct frame *frame)
{
    uint64_t hash = hash_text(key, frame_id(frame));
    uint64_t *value = map_find(&history->ids, hash);
    size_t before = map_memory(&history->ids);
    if (!value)
        return;
    uint64_t count = *value & ID_COUNT_MASK;
    if (count <= 1)
        map_remove(&history->ids, hash);
    else if (count < ID_COUNT_MASK) /* a full count is not exact any more: "several" for good */
        (*value)--;
    if (history->ids.count == 0)
        map_deinit(&history->ids);
    history->memory += map_memory(&history->ids) - before;
}

int history_add(struct history *history, const struct hash_key *key, struct frame *frame)
{
    DCHECK(history_count(history) == 0 ||
           history_at(history, history->end - 1)->sequence < frame->sequence);
    if (!history->ring || history_count(history) > history->mask) {
        int r = ring_grow(history);
        if (r < 0)
            return r;
    }
    history->ring[history->end++ & history->mask] = frame;
    history->bytes += frame->len;
    if (frame->id_given)
        note_id(history, key, frame);
    return 0;
}

/* Keeps the sequence of an evicted event; the oldest kept one makes way. */
static void remember(struct history *history, uint64_t sequence)
{
    if (history->remembered_count >= history->remembered_capacity &&
        history->remembered_capacity < EVICTED_REMEMBERED) {
        uint32_t capacity =
            history->remembered_capacity ? history->remembered_capacity * 4 : REMEMBERED_MIN;
        if (capacity > EVICTED_REMEMBERED) /* it was shrunk to a number of its own */
            capacity = EVICTED_REMEMBERED;
        uint64_t *larger = realloc(history->remembered, capacity * sizeof(*larger));
        if (!larger) { /* what is remembered starts anew behind this event */
            history->remembered_after = sequence;
            history->remembered_count = 0;
            return;
        }
        history->memory -= remembered_memory(history);
        history->remembered = larger;
        history->remembered_capacity = capacity;
        history->memory += remembered_memory(history);
    }
    uint64_t *slot = &history->remembered[history->remembered_count % history->remembered_capacity];
    if (history->remembered_count >= history->remembered_capacity)
        history->remembered_after = *slot;
    *slot = sequence;
    /* Past the capacity only the remainder matters: keep the count from wrapping. */
    if (++history->remembered_count == 2 * EVICTED_REMEMBERED)
        history->remembered_count = EVICTED_REMEMBERED;
}

/* An empty history keeps no more memory than what it remembers. */
static void shrink(struct history *history)
{
    history->memory -= ring_memory(history);
    free(history->ring);
    history->ring = NULL;
    history->mask = 0;
    uint32_t count = history->remembered_count;
    if (count == 0 || count >= history->remembered_capacity)
        return;
    uint64_t *smaller = realloc(history->remembered, count * sizeof(*smaller));
    if (!smaller)
        return; /* it stays as large as it was */
    history->memory -= remembered_memory(history);
    history->remembered = smaller;
    history->remembered_capacity = count;
    history->memory += remembered_memory(history);
}

struct frame *history_evict(struct history *history, const struct hash_key *key)
{
    CHECK(history_count(history) > 0);
    struct frame *frame = history_at(history, history->begin++);
    history->bytes -= frame->len;
    history->evicted_through = frame->sequence;
    remember(history, frame->sequence);
    if (frame->id_given)
        forget_id(history, key, frame);
    if (history_count(history) == 0)
        shrink(history);
    return frame;
}

uint64_t history_after_from(const struct history *history, uint64_t place, uint64_t sequence)
{
    uint64_t low = place, high = history->end;
    /* Nearly everybody asks for the newest few: each look is at a line of memory that no one else
     * needs, so they begin at the end, in steps that double. */
    for (uint64_t step = 1; step <= high - low; step *= 2) {
        uint64_t middle = high - step;
        if (history_at(history, middle)->sequence <= sequence) {
            low = middle + 1;
            break;
        }
        high = middle;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (history_at(history, middle)->sequence <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t history_after(const struct history *history, uint64_t sequence)
{
    return history_after_from(history, history->begin, sequence);
}

bool history_has(const struct history *history, uint64_t sequence)
{
    uint64_t place = history_after(history, sequence - 1);
    return place < history->end && history_at(history, place)->sequence == sequence;
}

bool history_had(const struct history *history, uint64_t sequence)
{
    uint32_t kept = history->remembered_count < history->remembered_capacity
                        ? history->remembered_count
                        : history->remembered_capacity;
    if (sequence > history->evicted_through || sequence <= history->remembered_after)
        return false;
    uint32_t i = 0;
    while (i < kept && history->remembered[i] != sequence)
        i++;
    return i < kept;
}

uint64_t history_latest(const struct history *history)
{
    if (history_count(history))
        return history_at(history, history->end - 1)->sequence;
    uint32_t count = history->remembered_count;
    return count ? history->remembered[(count - 1) % history->remembered_capacity] : 0;
}

int64_t history_missed(const struct history *history, uint64_t sequence)
{
    if (sequence >= history->evicted_through)
        return 0;
    if (sequence < history->remembered_after)
        return -1;
    uint32_t kept = history->remembered_count < history->remembered_capacity
                        ? history->remembered_count
                        : history->remembered_capacity;
    int64_t missed = 0;
    for (uint32_t i = 0; i < kept; i++)
        missed += history->remembered[i] + MUTATION(missed_off_by_one) > sequence;
    return missed;
}

unsigned history_find_id(const struct history *history, const struct hash_key *key, struct text id,
                         uint64_t *ret_sequence)
{
    uint64_t *value = map_find(&history->ids, hash_text(key, id));
    if (!value)
        return 0;
    uint64_t sequence = *value >> ID_COUNT_BITS;
    uint64_t place = history_after(history, sequence - 1);
    if (place == history->end || !text_equals(frame_id(history_at(history, place)), id))
        return 0; /* another id with the same hash: as good as not there */
    *ret_sequence = sequence;
    return (unsigned)(*value & ID_COUNT_MASK);
}
