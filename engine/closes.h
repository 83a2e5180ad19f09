/* SPDX-License-Identifier: MIT */
/*
 * Closes: what is remembered of streams that have ended, so that it can be said why one did, and
 * what it had by then.
 *
 * One for all workers, only where streams have ids: the last CLOSES_REMEMBERED of them, in a ring,
 * found by id. A worker notes each stream that it buries, under a lock that is held for some 100
 * ns. Any thread.
 */
#pragma once

#include <pthread.h>

#include "engine/base/map.h"
#include "engine/course.h"
#include "engine/limits.h"
#include "engine/reason.h"

struct close_record {
    uint64_t id;
    uint64_t cursor; /* sequence of the newest event that it had whole */
    int64_t closed_ns;
    struct course course;
    enum close_reason reason;
    uint32_t channel_count;
    struct {
        uint64_t hash;      /* of its name */
        uint64_t closed_at; /* it had nothing of what that name had from here on; 0: it was open */
    } channels[CLOSE_CHANNELS_REMEMBERED]; /* the first ones */
};

struct closes {
    pthread_mutex_t lock;
    struct close_record *ring; /* CLOSES_REMEMBERED */
    uint64_t count;            /* ever */
    struct map by_id;          /* place in the ring, and 1 */
};

/* What one takes in memory. */
#define CLOSES_BYTES                                                                               \
    (sizeof(struct closes) + CLOSES_REMEMBERED * (sizeof(struct close_record) + 32u))

/* NULL: out of memory. */
MUST_USE struct closes *closes_new(void);
/* Takes NULL; returns NULL. */
struct closes *closes_free(struct closes *closes);

void closes_note(struct closes *closes, const struct close_record *record);
/* False: no stream of that id has ended, or it is forgotten. */
MUST_USE bool closes_find(struct closes *closes, uint64_t id, struct close_record *ret_record);
