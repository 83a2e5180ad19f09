/* SPDX-License-Identifier: MIT */
/*
 * A channel's history on one worker: recent frames in sequence order, and what is known of those
 * that were let go.
 *
 * Frames have a place that counts up for ever (begin <= place < end), so that places stay valid
 * while older frames go. Frames before `returned` have been given back to flow control by this
 * worker. When to evict is decided elsewhere (worker/evict.c); the history only carries it out and
 * remembers:
 *   evicted_through  the newest sequence let go; a resume point before it has a gap
 *   remembered       the sequences of the last EVICTED_REMEMBERED evicted events, so that a gap
 *                    after `remembered_after` can be counted exactly
 *   ids              publisher-given ids of retained frames, only where such ids are used
 * One owner: the worker. One reference per frame.
 */
#pragma once

#include <stdbool.h>

#include "engine/frame.h"
#include "engine/base/hash.h"
#include "engine/base/map.h"

struct history {
    struct map ids; /* id hash -> newest sequence << 16 | how many */
    uint64_t *remembered;
    uint64_t remembered_after;
    uint32_t remembered_capacity;
    uint32_t remembered_count; /* ever; the last EVICTED_REMEMBERED are in `remembered` */
    uint64_t evicted_through;
    struct frame **ring; /* place & mask */
    uint32_t mask;
    uint64_t begin, end, returned;
    uint64_t bytes;
    uint64_t memory; /* bytes that all of this holds, without the frames */
};

/* An empty history behind `evicted_through`. Cannot fail. */
void history_init(struct history *history, uint64_t evicted_through);
void history_deinit(struct history *history);

static inline uint64_t history_count(const struct history *history)
{
    return history->end - history->begin;
}

static inline struct frame *history_at(const struct history *history, uint64_t place)
{
    return history->ring[place & history->mask];
}

/* The sequence of the newest frame; 0: there is none. */
static inline uint64_t history_newest(const struct history *history)
{
    return history_count(history) ? history_at(history, history->end - 1)->sequence : 0;
}

/* Takes the reference. 0, or -ENOMEM: the ring cannot grow (evict, then it fits). */
MUST_USE int history_add(struct history *history, const struct hash_key *key, struct frame *frame);

/* Forgets the oldest frame; its reference passes to the caller. */
struct frame *history_evict(struct history *history, const struct hash_key *key);

/* The place of the first frame after `sequence`; `end` if there is none. */
uint64_t history_after(const struct history *history, uint64_t sequence);
/* The same where nothing before `place` comes after it: what is before that is not looked at. */
uint64_t history_after_from(const struct history *history, uint64_t place, uint64_t sequence);

/* Whether it has the event now; else whether it is one of those remembered that it had. */
bool history_has(const struct history *history, uint64_t sequence);
bool history_had(const struct history *history, uint64_t sequence);
/* The newest event that it ever had; 0: nobody knows. */
uint64_t history_latest(const struct history *history);

/* How many evicted events came after `sequence`; -1 if that is not known exactly. */
int64_t history_missed(const struct history *history, uint64_t sequence);

/* How many retained frames carry this publisher-given id; if one, *ret_sequence is its place in the
 * order. */
unsigned history_find_id(const struct history *history, const struct hash_key *key, struct text id,
                         uint64_t *ret_sequence);
