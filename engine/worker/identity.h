/* SPDX-License-Identifier: MIT */
/*
 * What is known of a subscriber beyond what its sends need, for whoever looks at it from outside:
 * which of its record's streams it is, and so its id (engine/subscriber_id.h).
 *
 * A table beside the records, by index, which is only there with hub_options.subscriber_ids: else
 * nothing of it is reserved, touched or asked. The worker's thread alone.
 */
#pragma once

#include "engine/subscriber_id.h"
#include "engine/worker/subscriber.h"

struct identity {
    uint32_t serial; /* of its record's streams so far, this one included; survives a free */
};

/* NULL: subscribers have none. */
static inline struct identity *identity_of(const struct worker *worker,
                                           const struct subscriber *subscriber)
{
    if (!worker->identities.of)
        return NULL;
    return &worker->identities.of[subscriber_index(worker, subscriber)];
}

/* Its id; 0: subscribers have none. */
static inline uint64_t identity_id(const struct worker *worker, const struct subscriber *subscriber)
{
    const struct identity *identity = identity_of(worker, subscriber);
    return identity ? subscriber_id_of(worker->index, subscriber_index(worker, subscriber),
                                       identity->serial)
                    : 0;
}

/* 0, or -ENOMEM: there is no address space. */
MUST_USE int identities_init(struct worker *worker);
void identities_deinit(struct worker *worker);

/* It joins: the record has a stream of its own from here on. */
void identity_begin(struct worker *worker, const struct subscriber *subscriber);
