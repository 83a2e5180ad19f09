/* SPDX-License-Identifier: MIT */
/*
 * A slice: what of a turn goes to who looks at the worker. It ends after so many records, or at
 * SLICE_NS, whichever is first; the clock is asked after every 32nd. The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

struct slice {
    uint32_t looks; /* left */
    int64_t due_ns;
};

/* Whether another record may not be looked at; else it is counted. */
static inline bool slice_is_spent(struct worker *worker, struct slice *slice)
{
    if (slice->looks == 0)
        return true;
    slice->looks--;
    return slice->looks % 32 == 0 && worker->io->operations->now_ns(worker->io) > slice->due_ns;
}

/* A record that took as long as so many. */
static inline void slice_take(struct slice *slice, uint32_t looks)
{
    slice->looks -= looks < slice->looks ? looks : slice->looks;
}
