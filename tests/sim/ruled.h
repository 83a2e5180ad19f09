/* SPDX-License-Identifier: MIT */
/*
 * Rules for channels, in the simulation: which a run has, a reload that gives others, and what may
 * be kept by them.
 *
 * A reload is known to a worker before anything that was published or asked for after it. A channel
 * has its new rule from the first event on that is swept after that; until then what holds is the
 * looser of both.
 */
#pragma once

#include "engine/rules.h"
#include "tests/sim/world.h"

/* Into world->options, for a run that is about to begin. */
void ruled_choose(void);
void ruled_deinit(void);
/* Other rules, once in a run. */
void ruled_reload_step(void);

/* What holds for a channel that is asked for now. */
const struct rule *ruled_now(unsigned channel);
/* The longest time for which anything may be kept. */
uint32_t ruled_age_max(void);
/* Whether so many events, of which the oldest is so old, are more than a rule of it allows. */
bool ruled_is_over(unsigned channel, uint64_t events, uint64_t bytes, int64_t age_ns);
/* Whether so many may be kept that are not in flight. */
bool ruled_may_keep(unsigned number, const struct channel *channel, uint64_t events,
                    uint64_t bytes);
