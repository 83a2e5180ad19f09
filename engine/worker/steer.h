/* SPDX-License-Identifier: MIT */
/*
 * What an operator wishes for one subscriber: that it is ended, or gets an event of its own.
 *
 * Both are controls (engine/control.h), and stand behind everything that was published before they
 * were asked for: they wait until the worker has taken that, and then what they wish is before all
 * that the worker takes from there on. Whoever has the answer and publishes then is behind it.
 *
 * One for a stream that was handed over and has not begun waits for that: as long as the worker has
 * a hand-off that came before the wish and may be it. Then it is the first that happens to it. The
 * worker's thread alone, while no send is queued.
 */
#pragma once

#include "engine/control.h"
#include "engine/worker/state.h"

/* It has come, and nothing is looked at yet. */
void steer_take(const struct worker *worker, struct control_part *part);
/* It waits for events that the worker has not taken yet, or for its stream to begin. */
bool steer_waits(const struct worker *worker, const struct control_part *part);
/* True if it is done: then *ret_result is what became of it. */
bool steer_some(struct worker *worker, struct control_part *part, int *ret_result);
