/* SPDX-License-Identifier: MIT */
/*
 * Visits: heartbeats after so much silence, the end of responses without events, of those that have
 * lived long enough, and of those whose token has ended. Each is done when its time is over, and no
 * later than a tick after it.
 *
 * All ends are in order, and all but the last wait until the subscriber has everything, however far
 * it is behind. Whose token has ended may not have what it lacks: it gets the rest of a frame that
 * it has begun, the end, and nothing else, whether it is current, behind or blocked; history and
 * publishers wait for it no more. If it has not read that after EXPIRED_GRACE_MS it is closed.
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

/* A subscriber has joined, and is to be ended then (0: never): its block is looked at with the next
 * tick. */
void visits_expect(struct worker *worker, struct subscriber *subscriber, int64_t ends_ns);
/* The times are others from now on: so is every block. */
void visits_expect_all(struct worker *worker);

/* Begins a pass, unless one is under way. */
void visits_plan(struct worker *worker);
/* A bounded part of the pass; true if some of it is left. */
bool visits_make(struct worker *worker);
