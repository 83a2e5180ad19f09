/* SPDX-License-Identifier: MIT */
/*
 * A census: how many subscribers some channels have, over all workers.
 *
 * Nobody looks into a worker's memory, and no count is kept beside the workers' own, which would
 * cost each stream for the few who ask. hub_census sends one message to each worker; each adds its
 * own number of every channel to that of the others, in one go, and the last one calls `done`. So
 * an answer is of the moments in which the workers had the message: who has joined before it was
 * sent and stays counts, whoever comes or goes meanwhile may count or not.
 *
 * Made by any thread; the workers' from hub_census on, until `done`; then the asker's again, who
 * frees it.
 */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>

#include "engine/frame.h"
#include "engine/inbox.h"

struct census_channel {
    uint64_t hash;
    struct text name;
    _Atomic uint64_t subscribers; /* relaxed: `pending` orders them */
};

struct census_part {
    alignas(64) struct message message; /* MESSAGE_CENSUS */
    struct census *census;
};

struct census {
    void (*done)(struct census *census); /* the last worker's thread; short: it hands it on */
    void *context;                       /* the asker's */
    _Atomic unsigned pending;            /* workers; acq_rel, so that the last one sees all */
    unsigned count;
    struct census_channel *channels;
    size_t bytes; /* of all of it */
    unsigned part_count;
    struct census_part parts[];
};

/* Of the channels of these frames, one by one, for a hub of so many workers; `done` is to be set.
 * NULL: out of memory. */
MUST_USE struct census *census_new(struct frame *const *frames, unsigned count, unsigned workers);
/* Takes NULL; returns NULL. */
struct census *census_free(struct census *census);

/* --- workers --------------------------------------------------------------------------------- */

/* So many more of the channel at `index`. */
static inline void census_add(struct census_part *part, unsigned index, uint64_t subscribers)
{
    atomic_fetch_add_explicit(&part->census->channels[index].subscribers, subscribers,
                              memory_order_relaxed);
}
/* This worker has counted; the part may be gone from here on. */
void census_finish(struct census_part *part);
