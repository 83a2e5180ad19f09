/* SPDX-License-Identifier: MIT */
/*
 * A hub without threads, for simulations and unit tests: the caller gives each worker its io
 * backend and makes the workers turn (worker_turn) in whatever order it wants. Everything is the
 * same code as in a real hub; only the threads and the parking are not there.
 *
 * Leaving: hub_close, worker_drain on each worker, worker_turn until worker->stopped, the backends'
 * close, then hub_stop and hub_free.
 */
#pragma once

#include "engine/hub.h"
#include "engine/io/io.h"
#include "engine/worker/worker.h"

/* Instead of hub_start: calls `open` once for each worker. 0 or the negative errno of `open`. */
MUST_USE int hub_start_by_hand(struct hub *hub,
                               int (*open)(void *context, unsigned index, struct io **ret_io),
                               void *context);
struct worker *hub_worker(struct hub *hub, unsigned index);
