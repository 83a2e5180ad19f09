/* SPDX-License-Identifier: MIT */
/*
 * One turn of a worker: a bounded piece of everything there is to do. See docs/architecture.md, "A
 * worker's turn", for the order and why each piece has a bound.
 *
 * The worker's thread alone, or whoever makes a worker without a thread turn (hub.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct worker;

/* True if it found something to do; else the worker may park until worker_due_ns. */
bool worker_turn(struct worker *worker);
/* When time alone makes something due; INT64_MAX: never. */
int64_t worker_due_ns(const struct worker *worker);
