/* SPDX-License-Identifier: MIT */
/*
 * Visits: each record is looked at in turn, often enough for heartbeats, for the end of responses
 * without events and for their lifetime. Only who has everything is looked at: the others are
 * written to anyway.
 *
 * A tick plans how many are due, each turn makes some of them. The worker's thread alone.
 */
#pragma once

#include <stdbool.h>

struct worker;

void visits_plan(struct worker *worker);
/* A bounded part of the plan; true if some of it is left. */
bool visits_make(struct worker *worker);
