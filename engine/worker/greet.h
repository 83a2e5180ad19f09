/* SPDX-License-Identifier: MIT */
/*
 * A subscriber's beginning: where in its channels' histories it starts, what of that is lost, and
 * the first frame that it is sent. Called by join.c for each that joins; it opens no socket and
 * counts nobody in. The worker's thread alone.
 */
#pragma once

#include "engine/base/base.h"

struct handoff;
struct seat_begin;
struct subscriber;
struct worker;

enum { GREET_OVER = 1 };
/* The head and all that belongs to it becomes the begun frame. GREET_OVER: there is nothing to
 * send, and never will be; -ENOMEM. */
MUST_USE int greet(struct worker *worker, struct subscriber *subscriber,
                   const struct handoff *handoff, struct seat_begin *ret_begin);
