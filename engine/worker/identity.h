/* SPDX-License-Identifier: MIT */
/*
 * What is known of a subscriber beyond what its sends need, for whoever looks at it from outside,
 * or steers it: its id (engine/subscriber_id.h), its course (engine/course.h), since when it lags,
 * and who its peer is.
 *
 * A table beside the records, by index, which is only there with hub_options.subscriber_ids: else
 * nothing of it is reserved, touched or asked. It is written when a stream joins, is told of a
 * loss, begins to lag or ends, never with its events.
 *
 * Two ways lead through it. A hash table from ids to records, whose buckets are the ids' numbers as
 * they are: those of the streams that are there now lie close together. And a list in order of ids,
 * from the oldest to the newest. Streams join nearly in that order; one that has waited longer than
 * others is put between them. Whoever has to find a place in the list looks from one end of it and,
 * by the table, from the number asked for downwards, whichever comes to it first: of many streams
 * some have a number close by, and few make a short list. The worker's thread alone.
 */
#pragma once

#include "engine/course.h"
#include "engine/subscriber_id.h"
#include "engine/worker/slice.h"
#include "engine/worker/state.h"

#define IDENTITY_NONE UINT32_MAX

struct identity {
    struct course course;
    uint64_t id;    /* 0: of a record that is free */
    uint32_t older; /* in order of ids; IDENTITY_NONE: none is */
    uint32_t newer;
    uint32_t next;       /* of its bucket, and 1; 0: none */
    uint32_t lagging_ms; /* since when, while it lags */
    uint8_t peer_len;
    char peer[PEER_BYTES_MAX];
};

static_assert(sizeof(struct identity) <= 88, "what an id costs: docs/architecture.md, \"Memory\"");

/* NULL: subscribers have none. */
static inline struct identity *identity_of(const struct worker *worker, uint32_t index)
{
    return worker->identities.of ? &worker->identities.of[index] : NULL;
}

/* Its id; 0: subscribers have none. */
static inline uint64_t identity_id(const struct worker *worker, uint32_t index)
{
    const struct identity *identity = identity_of(worker, index);
    return identity ? identity->id : 0;
}

/* 0, or -ENOMEM: there is no address space. */
MUST_USE int identities_init(struct worker *worker);
void identities_deinit(struct worker *worker);

/* Where subscribers have ids: the record has a stream with this one from here on, and has it no
 * more. */
void identity_begin(struct worker *worker, uint32_t index, uint64_t id, struct text peer);
void identity_end(struct worker *worker, uint32_t index);
/* It begins to lag. */
void identity_lags(struct worker *worker, uint32_t index);

/* The record of that stream; IDENTITY_NONE: this worker has none. */
uint32_t identity_find(const struct worker *worker, uint64_t id);

/*
 * The worker's one walk over those with ids above `after`, in their order, in slices: each stream
 * that is there all the while is met once. A new one may begin when the last one is given up.
 * identity_walk: the next one's record, again until identity_walk_on, IDENTITY_NONE behind the
 * last. False: the slice is spent.
 */
void identity_walk_begin(struct worker *worker, uint64_t after);
MUST_USE bool identity_walk(struct worker *worker, struct slice *slice, uint32_t *ret_index);
void identity_walk_on(struct worker *worker);
