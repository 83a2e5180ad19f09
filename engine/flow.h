/* SPDX-License-Identifier: MIT */
/*
 * Flow control: how much is published and not yet swept, per channel, and who waits for room.
 *
 * A frame is in flight from its claim until the last worker has swept it (worker/release.h); it
 * counts its bytes, at least FLOW_FRAME_BYTES_MIN. The counters live in a small table found by the
 * channel's hash. A publisher always does: flow_admits, flow_add, claim; a failed claim
 * flow_subtracts. Since it looks before it adds, each publisher may overshoot a bound by one
 * request.
 *
 * Memory is bounded here too: `memory_max` (0: no bound) over the published frames that are alive,
 * the workers' records and what net holds for connections, which have a part of it for themselves.
 * Workers keep their histories within the rest (evict.c); where they cannot, publishers and new
 * subscribers find it full.
 *
 * Waiting for room: see hub.h. Any thread may call any function here.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/frame.h"
#include "engine/inbox.h"
#include "engine/inquiry.h"
#include "engine/ledger.h"
#include "engine/limits.h"
#include "engine/roll.h"
#include "engine/waiter.h"

struct closes; /* closes.h */

struct flow {
    struct sleepers sleepers; /* of the workers' inboxes, */
    /* And the slots that they have in common: constant, on a line that nobody writes. */
    alignas(64) struct conveyor conveyor;
    alignas(64) unsigned workers; /* that must sweep a frame; constant */
    _Atomic uint64_t total;
    _Atomic uint64_t *cells;
    _Atomic uint64_t frame_bytes;      /* of published frames that are alive */
    _Atomic uint64_t record_bytes;     /* the workers' channels, subscribers and hand-offs */
    _Atomic uint64_t connection_bytes; /* what net holds */
    _Atomic uint64_t memory_max;
    uint64_t resident; /* bytes of the process when the hub was made; constant */
    struct inquiries inquiries;
    struct ledger ledger;
    struct roll roll;
    struct closes *closes;  /* NULL: streams have no ids. Constant */
    _Atomic unsigned armed; /* waiters armed: the hint that saves a lock per sweep */
    pthread_mutex_t lock;   /* of the list of waiters */
    struct hub_waiter *waiters;
};

MUST_USE int flow_init(struct flow *flow, unsigned workers, const struct hash_key *key);
void flow_deinit(struct flow *flow);

/* --- publishers ---------------------------------------------------------------------------- */

bool flow_admits(struct flow *flow, struct frame *const *frames, unsigned count);
/* The same of one event of this channel that has no frame yet. */
bool flow_admits_hash(const struct flow *flow, uint64_t channel_hash);
void flow_add(struct flow *flow, struct frame *const *frames, unsigned count);
void flow_subtract(struct flow *flow, struct frame *const *frames, unsigned count);

/* --- memory -------------------------------------------------------------------------------- */

/* Of frames and records. */
static inline uint64_t flow_memory(const struct flow *flow)
{
    return atomic_load_explicit(&flow->frame_bytes, memory_order_relaxed) +
           atomic_load_explicit(&flow->record_bytes, memory_order_relaxed);
}

/* Connections have a share of the maximum to themselves: whatever they hold, it evicts no history,
 * and whatever history holds, requests can be read. */
static inline uint64_t flow_memory_room(uint64_t memory_max)
{
    return memory_max - memory_max / MEMORY_CONNECTIONS_PART;
}

static inline bool flow_memory_is_full(const struct flow *flow)
{
    uint64_t max = atomic_load_explicit(&flow->memory_max, memory_order_relaxed);
    return max && flow_memory(flow) >= flow_memory_room(max);
}

/* Whether connections may hold so much more. */
static inline bool flow_connections_admit(const struct flow *flow, uint64_t more, bool large)
{
    uint64_t max = atomic_load_explicit(&flow->memory_max, memory_order_relaxed);
    uint64_t held = atomic_load_explicit(&flow->connection_bytes, memory_order_relaxed);
    uint64_t share = max - flow_memory_room(max);
    if (large)
        share -= share / MEMORY_SMALL_PART;
    return !max || held + more <= share;
}

/* Whatever fills the memory, publishers find room for an eighth of it: else those that wait, with
 * what they hold, could keep each other waiting for ever. */
static inline bool flow_memory_admits(const struct flow *flow)
{
    uint64_t max = atomic_load_explicit(&flow->memory_max, memory_order_relaxed);
    return !flow_memory_is_full(flow) ||
           atomic_load_explicit(&flow->frame_bytes, memory_order_relaxed) < max / 8;
}

/* --- workers ------------------------------------------------------------------------------- */

/* One worker has swept this frame. True for the last one, which gives it back with flow_subtract.
 */
bool flow_swept(const struct flow *flow, struct frame *frame);
/* See hub.h: who waits for room. */
void flow_waiter_add(struct flow *flow, struct hub_waiter *waiter, int eventfd);
void flow_waiter_arm(struct flow *flow, struct hub_waiter *waiter);
void flow_waiter_disarm(struct flow *flow, struct hub_waiter *waiter);
bool flow_waiter_sleep(struct hub_waiter *waiter, int64_t until_ns);
void flow_waiter_remove(struct flow *flow, struct hub_waiter *waiter);
/* After counters were lowered or inbox slots freed: wakes every armed waiter. */
void flow_wake(struct flow *flow);
