/* SPDX-License-Identifier: MIT */
/*
 * Groups: how many subscribers a worker has of each kind that the caller tells apart by a number of
 * its own (handoff.h), as net does by listener.
 *
 * A byte for each record beside the records, 0 wherever there is no subscriber, so that nothing is
 * written there while all are of group 0. The worker's thread; the counts are read by any.
 */
#pragma once

#include "engine/worker/state.h"

static inline void group_count(struct worker *worker, uint8_t group, int more)
{
    _Atomic uint64_t *count = &worker->groups.subscribers[group];
    atomic_store_explicit(
        count, atomic_load_explicit(count, memory_order_relaxed) + (uint64_t)(int64_t)more,
        memory_order_relaxed);
}

static inline void group_join(struct worker *worker, uint32_t index, uint8_t group)
{
    if (__builtin_expect(group, 0))
        worker->groups.of[index] = group;
    group_count(worker, group, 1);
}

static inline void group_leave(struct worker *worker, uint32_t index)
{
    uint8_t group = worker->groups.of[index];
    if (__builtin_expect(group, 0))
        worker->groups.of[index] = 0;
    group_count(worker, group, -1);
}
