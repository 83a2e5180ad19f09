/* SPDX-License-Identifier: MIT */
/*
 * A kick: whoever asked for a stream before it is ended in order, whoever asks after it stays.
 *
 * It has a place in the one order, which says for each hand-off on which side it is: its B is at
 * most the kick's number, or larger. When the worker takes it, it walks its records, some of them
 * a turn. Who comes meanwhile is told apart by a flag, as far as its record is still to be looked
 * at. A second kick waits in the inbox until the walk is over, so that there is one flag only.
 *
 * The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

struct subscriber;

/* False: another one is under way. */
bool kick_take(struct worker *worker, const struct frame *frame);
/* Some records of the walk under way, if there is one: then true. */
bool kick_walk(struct worker *worker);
static inline bool kick_step(struct worker *worker)
{
    return __builtin_expect(worker->kick.under_way, 0) && kick_walk(worker);
}
/* It has just joined, with the B of its request. */
void kick_tell_apart(struct worker *worker, struct subscriber *subscriber, uint64_t before);
static inline void kick_joined(struct worker *worker, struct subscriber *subscriber,
                               uint64_t before)
{
    if (__builtin_expect(before <= worker->kick.before || worker->kick.under_way, 0))
        kick_tell_apart(worker, subscriber, before);
}
