/* SPDX-License-Identifier: MIT */
/*
 * Joining: a hand-off becomes a subscriber, once the worker has taken every event published before
 * the request. See join.c. The worker's thread alone.
 */
#pragma once

#include <stdbool.h>

struct handoff;
struct worker;

/* Has it wait for its place in the order. */
void join_take(struct worker *worker, struct handoff *handoff);
/* Adopts those that are ready, before the turn queues a send, since limits are applied to their
 * channels; the others keep their places. True if there were any. */
bool join_ready(struct worker *worker);
/* No time is left, or the io has failed: all that wait get an answer and are closed. */
void join_refuse_waiting(struct worker *worker);
