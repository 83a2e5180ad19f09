/* SPDX-License-Identifier: MIT */
/*
 * Visits: heartbeats after so much silence, the end of responses without events, and of those that
 * have lived long enough. Each is done when its time is over, and no later than a tick after it.
 *
 * There is no timer per subscriber: for each block of 64 records visit.c remembers the time before
 * which none of them is due. Writing to a subscriber only makes it due later, so the time stays
 * right without being touched, and is worked out anew when it has come. A tick begins a pass over
 * the blocks, each turn does some of it. The worker's thread alone.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct subscriber;
struct worker;

MUST_USE int visits_init(struct worker *worker);
void visits_deinit(struct worker *worker);

/* A subscriber has joined: its block is looked at with the next tick. */
void visits_expect(struct worker *worker, const struct subscriber *subscriber);
/* The times are others from now on: so is every block. */
void visits_expect_all(struct worker *worker);

/* Begins a pass, unless one is under way. */
void visits_plan(struct worker *worker);
/* A bounded part of the pass; true if some of it is left. */
bool visits_make(struct worker *worker);
