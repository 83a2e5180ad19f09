/* SPDX-License-Identifier: MIT */
/*
 * A worker's life: made, started on a thread of its own, sent orders, waited for, freed.
 *
 * Everything here is called by the hub; worker_wake by any thread after puts or posts. Its thread
 * makes turns (turn.h) and parks when one finds nothing to do. What a worker consists of stands in
 * state.h.
 */
#pragma once

#include "engine/worker/state.h"

/* `index`: its number among the hub's. */
MUST_USE int worker_init(struct worker *worker, unsigned index,
                         const struct worker_options *options, struct flow *flow);
/* Opens the io backend on the new thread and waits until it runs or has failed. */
MUST_USE int worker_start(struct worker *worker);
/* Other limits and rules, for one worker. NULL: out of memory. */
MUST_USE struct order *order_new(const struct hub_options *limits, struct rules *rules);
/* Of one that no worker was given. Takes NULL; returns NULL. */
struct order *order_free(struct order *order);
/* They hold from its next turn on. Takes the order over. */
void worker_order(struct worker *worker, struct order *order);
/* Orders the drain: everything before `final`, then goodbyes, at most drain_timeout_ms. Once. */
void worker_drain(struct worker *worker, uint64_t final);
/* The same, at most so long as well. */
void worker_drain_within(struct worker *worker, uint64_t final, uint32_t most_ms);
void worker_join(struct worker *worker);
/* Its thread has ended: frees what nobody but that touched. */
void worker_end(struct worker *worker);
/* Nobody publishes or wakes any more: the rest, which publishers that were under way at the end
 * still touched: the inbox, and what wakes. */
void worker_deinit(struct worker *worker);

void worker_wake(struct worker *worker);
