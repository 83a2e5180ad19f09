/* SPDX-License-Identifier: MIT */
/*
 * A worker's inbox: the lock-free MPSC queue through which everything reaches a worker.
 *
 * Events: slots indexed by sequence, which lie in one conveyor for all inboxes of a hub
 * (engine/conveyor.h). The hub claims a sequence once for all workers, so each slot has exactly one
 * writer, and order is decided before anything is stored: a later event can be stored first, but
 * never taken first. A stored frame has one reference for each inbox.
 *   taken  next sequence the worker takes; it needs no slot below it any more
 *   put    conveyor_put: any publisher, only for a sequence it claimed while inbox_has_room said so
 *   take   the worker alone, in sequence, up to the first slot that is not stored
 * Messages (hand-offs, orders, controls): a stack that producers push and the worker empties whole,
 * in the order of pushing. Parking: see inbox_park; the eventfd that wakes the worker is its io's.
 *
 * The memory ordering is argued line by line in docs/architecture.md.
 */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/base/mailbox.h"
#include "engine/conveyor.h"
#include "engine/frame.h"
#include "engine/limits.h"

enum message_kind { MESSAGE_HANDOFF, MESSAGE_ORDER, MESSAGE_CONTROL, MESSAGE_CENSUS };

/* Which inboxes of a hub may be parked, a bit for each: set before one parks and cleared after it,
 * by its worker alone, so that publishers look at a word and not at each inbox. */
struct sleepers {
    alignas(64) _Atomic uint64_t words[WORKERS_MAX / 64];
};

struct inbox {
    /* Written by the worker, read by every publisher. */
    alignas(64) _Atomic uint64_t taken;
    /* Written by the worker and by whoever wakes it. */
    alignas(64) _Atomic bool parked;
    struct mailbox messages;
    /* Constant after init. */
    alignas(64) const struct conveyor *conveyor;
    _Atomic uint64_t *sleepers; /* its word */
    uint64_t sleeper;           /* and bit */
};

/* It is the `number`th of those that share conveyor and `sleepers`, which outlive it. */
void inbox_init(struct inbox *inbox, const struct conveyor *conveyor, struct sleepers *sleepers,
                unsigned number);
/* Releases what was never taken. One that was not initialised is zero. */
void inbox_deinit(struct inbox *inbox);

/* --- publishers: any thread ---------------------------------------------------------------- */

/* Sequences below it have free slots, or have been taken. It only grows. */
static inline uint64_t inbox_room_end(const struct inbox *inbox)
{
    /* Acquire: pairs with the release in inbox_take, whose loads must precede our stores. */
    return atomic_load_explicit(&inbox->taken, memory_order_acquire) + inbox->conveyor->mask + 1;
}

/* Whether `count` sequences from `first` on have free slots. Once true for a `first` that the
 * caller then claims it stays true. */
static inline bool inbox_has_room(const struct inbox *inbox, uint64_t first, unsigned count)
{
    return first + count <= inbox_room_end(inbox);
}

void inbox_post(struct inbox *inbox, struct message *message);

/* After a full fence that follows the puts or posts: true for exactly one caller per parking, which
 * must then wake the worker. */
static inline bool inbox_claim_wake(struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->parked, memory_order_relaxed) &&
           atomic_exchange_explicit(&inbox->parked, false, memory_order_relaxed);
}

/* --- the worker ---------------------------------------------------------------------------- */

static inline uint64_t inbox_position(const struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->taken, memory_order_relaxed);
}

/* Takes up to `max` stored events, in sequence; their references pass to the caller. */
unsigned inbox_take(struct inbox *inbox, struct frame **frames, unsigned max);
/* All messages posted so far, oldest first; NULL if none. */
struct message *inbox_take_messages(struct inbox *inbox);

/* Declares the worker asleep and looks once more: true if there is still nothing, so that it may
 * wait; false (and awake again) if something came. inbox_unpark after the wait, however it ended.
 */
bool inbox_park(struct inbox *inbox);
void inbox_unpark(struct inbox *inbox);
