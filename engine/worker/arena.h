/* SPDX-License-Identifier: MIT */
/*
 * An arena: bytes and parts of runs that queued sends point to, emptied as a whole once those are
 * settled. It never grows: whoever finds no room has the batch submitted first.
 *
 * The struct stands in state.h, since a worker embeds two: for the runs of sweeps (sweep.c) and for
 * the private sends of those that catch up (catch_up.c). The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

/* 0 or -ENOMEM; arena_deinit either way. */
MUST_USE int arena_init(struct arena *arena, uint32_t bytes, uint32_t parts);
void arena_deinit(struct arena *arena);

static inline bool arena_has_room(const struct arena *arena, uint32_t bytes, uint32_t parts)
{
    return arena->bytes_size - arena->bytes_used >= bytes &&
           arena->parts_size - arena->parts_used >= parts;
}

static inline void arena_empty(struct arena *arena)
{
    arena->bytes_used = 0;
    arena->parts_used = 0;
}
