/* SPDX-License-Identifier: MIT */
/*
 * The memory ceiling (memory_max): what a worker lets go of so that all of them stay below it, and
 * when its own events find no memory. What it goes by is counted, in state.h, `memory`, and flow.h.
 *
 * First go ends that nothing else keeps, then what channels of the server's own have, then history,
 * oldest channels first, each a part of it, round by round. Where nothing can go and publishers
 * find no room, who is furthest behind is closed. The worker's thread alone, while no send is
 * queued.
 */
#pragma once

#include <stdbool.h>

struct worker;

/* A bounded piece of it; true if there is more to do. */
bool relieve(struct worker *worker);
