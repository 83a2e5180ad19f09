/* SPDX-License-Identifier: MIT */
/*
 * The queue of channels that are to be swept: those with new frames, and those whose sweep may now
 * do what it could not before, because a member left, caught up, or holds nobody any more.
 *
 * A channel is in it once at most (`channel->dirty`); it stays marked while its sweep is under way.
 * The worker's thread alone. sweep.c takes from it; it knows nothing of sweeps.
 */
#pragma once

#include "engine/worker/state.h"

static inline void dirty_add(struct worker *worker, struct channel *channel)
{
    if (channel->dirty)
        return;
    channel->dirty = true;
    channel->next_dirty = NULL;
    if (worker->dirty.last)
        worker->dirty.last->next_dirty = channel;
    else
        worker->dirty.first = channel;
    worker->dirty.last = channel;
}

/* The first one, which stays marked. There must be one. */
static inline struct channel *dirty_take(struct worker *worker)
{
    struct channel *channel = worker->dirty.first;
    worker->dirty.first = channel->next_dirty;
    if (!worker->dirty.first)
        worker->dirty.last = NULL;
    return channel;
}
