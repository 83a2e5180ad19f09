/* SPDX-License-Identifier: MIT */
/*
 * The keeper: one thread of an engine that sleeps until somebody asks it to leave, and then does
 * all that has to be waited for. So fanfare_drain is a store and a wake-up, and may be called from
 * anywhere: any thread, a hook, a signal handler.
 *
 * Life: keeper_start, as the last part of a start -> keeper_ask, any number of times -> it stops
 * the server and the hub, says STOPPED, and ends -> keeper_join.
 *
 * The owner's thread starts and joins it; what the stop may last is an atomic of its own, which
 * changes until the stop begins.
 */
#pragma once

#include "engine/base/base.h"

struct fanfare;

void keeper_init(struct fanfare *fanfare);
void keeper_deinit(struct fanfare *fanfare);

/* Whose state is RUNNING from here on, or DRAINING, if somebody has asked before. Signals are
 * blocked by the caller. 0, or a negative errno: nothing runs. */
MUST_USE int keeper_start(struct fanfare *fanfare);
/* Any thread; async-signal-safe. */
void keeper_ask(struct fanfare *fanfare);
/* After keeper_ask; once it has left. Nothing happens where none runs. */
void keeper_join(struct fanfare *fanfare);
