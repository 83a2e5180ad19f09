/* SPDX-License-Identifier: MIT */
/*
 * Long polls: responses that end with the first that they get (subscribe_request.polls).
 *
 * One for which something is retained when it joins, or that is told a gap, or that is not to wait,
 * is LIMITED to what is there from the beginning, and ends with that. Any other waits
 * (subscriber_waits): catch_up.c makes it LIMITED to the first events that come, and its time does
 * so to none. Whatever it is limited to may be skipped meanwhile: it ends when it has everything.
 *
 * The worker's thread alone.
 */
#pragma once

#include "engine/worker/subscriber.h"

/* Of one that has joined, with its cursor; `has_notice`: a gap is told in its opening. */
void poll_begin(struct worker *worker, struct subscriber *subscriber, const struct handoff *handoff,
                bool has_notice);
/* Milliseconds that one which waits may go on; 0: its time is over, and its end comes when it has
 * what is on its way; UINT32_MAX: its end comes now. */
uint32_t poll_visit(struct worker *worker, struct subscriber *subscriber);
