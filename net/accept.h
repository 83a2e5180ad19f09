/* SPDX-License-Identifier: MIT */
/*
 * Accepting: from a listener's event to a client or feed, or to a refusal that says why.
 *
 * A listener is in the epoll set of every acceptor, level triggered with EPOLLEXCLUSIVE, and gives
 * at most ACCEPT_BATCH connections a wake. Refusals:
 *   too many connections   the connection gets its 503 (or `error:`) like any other answer, up to
 *                          REFUSALS_MAX of them at once; more are answered and closed in one step
 *   no descriptor, memory  the acceptor's reserve descriptor is closed for a moment, so that this
 *                          connection too can be accepted, answered 503 and closed; then the
 *                          listener leaves the epoll set until a descriptor is free or REST_MS have
 *                          passed
 *   wrong peer of a feed   an `error:` answer
 *
 * Belongs to the acceptor's thread.
 */
#pragma once

#include "net/acceptor.h"

/* Puts all listeners into the epoll set, and opens the reserve. 0, or a negative errno. */
MUST_USE int accept_begin(struct acceptor *acceptor);
/* An event of a listener. */
void accept_batch(struct acceptor *acceptor, struct listening *listening);
/* Lets listeners go on that have rested long enough. */
void accept_resume(struct acceptor *acceptor);
/* When the first of the resting ones may go on; INT64_MAX: none rests. */
int64_t accept_resume_at(const struct acceptor *acceptor);
/* The last call: accepts all that waits, then leaves the listeners. */
void accept_end(struct acceptor *acceptor);
