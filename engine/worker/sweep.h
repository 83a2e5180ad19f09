/* SPDX-License-Identifier: MIT */
/*
 * Sweeps: each brings every current subscriber of a channel to the same place with one send.
 *
 * States of one: due (in the dirty queue) -> under way (sweep_target) -> visited (`finishing`) ->
 * swept, at the turn's end; only then may its frames go. The worker's thread alone.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct worker;

/* 0 or -ENOMEM; sweep_deinit either way. */
MUST_USE int sweep_init(struct worker *worker);
void sweep_deinit(struct worker *worker);
/* Slices of the sweeps that are due; false if none is. */
bool sweep_channels(struct worker *worker);
/* The turn's end, while nothing is queued: what was visited is swept, and its frames may go. */
void sweep_finish(struct worker *worker);
