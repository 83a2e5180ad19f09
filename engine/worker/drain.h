/* SPDX-License-Identifier: MIT */
/*
 * Leaving: once everything claimed is taken and every hand-off adopted, each subscriber gets what
 * it lacks and its goodbye; who is not done at the deadline is cut.
 *
 * Ordered by worker_drain. The worker's thread alone.
 */
#pragma once

#include <stdint.h>

struct worker;

/* The order has come: `final` is the first sequence that will never be claimed, and it lasts no
 * longer than this, and than drain_timeout_ms. */
void drain_begin(struct worker *worker, uint64_t final, uint32_t most_ms);
/* Once a turn: goes on with it, and ends the worker (`stopped`) when nobody is left. */
void drain_step(struct worker *worker);
