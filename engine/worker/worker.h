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
/* Gives the worker other limits and rules from its next turn on. -ENOMEM: it keeps the old ones. */
MUST_USE int worker_reload(struct worker *worker, const struct hub_options *limits,
                           struct rules *rules);
/* Orders the drain: everything before `final`, then goodbyes, at most drain_timeout_ms. Once. */
void worker_drain(struct worker *worker, uint64_t final);
void worker_join(struct worker *worker);
void worker_deinit(struct worker *worker);

void worker_wake(struct worker *worker);
