/* SPDX-License-Identifier: MIT */
/*
 * What is known of a subscriber beyond what its sends need, for whoever looks at it from outside:
 * which of its record's streams it is, and so its id (engine/subscriber_id.h), its course
 * (engine/course.h), since when it lags, and who its peer is.
 *
 * A table beside the records, by index, which is only there with hub_options.subscriber_ids: else
 * nothing of it is reserved, touched or asked. It is written when a stream joins, is told of a
 * loss, begins to lag or ends, never with its events. The worker's thread alone.
 */
#pragma once

#include "engine/course.h"
#include "engine/subscriber_id.h"
#include "engine/worker/state.h"

struct identity {
    struct course course;
    uint32_t serial;     /* of its record's streams so far, this one included; survives a free */
    uint32_t lagging_ms; /* since when, while it lags */
    uint8_t peer_len;
    char peer[PEER_BYTES_MAX];
};

static_assert(sizeof(struct identity) <= 72, "what an id costs: docs/architecture.md, \"Memory\"");

/* NULL: subscribers have none. */
static inline struct identity *identity_of(const struct worker *worker, uint32_t index)
{
    return worker->identities.of ? &worker->identities.of[index] : NULL;
}

/* Its id; 0: subscribers have none. */
static inline uint64_t identity_id(const struct worker *worker, uint32_t index)
{
    const struct identity *identity = identity_of(worker, index);
    return identity ? subscriber_id_of(worker->index, index, identity->serial) : 0;
}

/* 0, or -ENOMEM: there is no address space. */
MUST_USE int identities_init(struct worker *worker);
void identities_deinit(struct worker *worker);

/* It joins: the record has a stream of its own from here on. */
void identity_begin(struct worker *worker, uint32_t index, struct text peer);
/* It begins to lag. */
void identity_lags(struct worker *worker, uint32_t index);
