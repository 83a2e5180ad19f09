/* SPDX-License-Identifier: MIT */
/*
 * A slice: what of a turn goes to who looks at the worker. It ends after so many records, or at
 * its time, whichever is first; the clock is asked after every 16th. The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

/* Looks between two looks at the clock. */
#define SLICE_LOOKS 16u

struct slice {
    uint32_t looks;    /* left */
    uint32_t unlooked; /* of them, before the clock is asked */
    int64_t due_ns;
};

/* Whether another record may not be looked at; else it is counted. */
static inline bool slice_is_spent(struct worker *worker, struct slice *slice)
{
    if (slice->looks == 0)
        return true;
    slice->looks--;
    if (slice->unlooked-- > 0)
        return false;
    slice->unlooked = SLICE_LOOKS;
    return worker->io->operations->now_ns(worker->io) > slice->due_ns;
}

/* A record that took as long as so many more. */
static inline void slice_take(struct slice *slice, uint32_t looks)
{
    slice->looks -= looks < slice->looks ? looks : slice->looks;
    slice->unlooked -= looks < slice->unlooked ? looks : slice->unlooked;
}
