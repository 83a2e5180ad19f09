/* SPDX-License-Identifier: MIT */
/*
 * Presence, in the simulation: what would be told of the clients that have seats, whom the workers
 * take, refuse and end in whatever order this run has.
 *
 * Changes come from the engine's own calls, and so does the count that is told
 * (net/presence_count). An event of it is under way for some steps, in which others come and go,
 * and then found room or none. What is told must follow from what was told before; at rest the last
 * number of each channel is how many clients are connected to it. It has chance of its own, so that
 * runs are what they would be without it.
 */
#pragma once

#include "tests/sim/client.h"

void presence_begin(uint64_t seed);
void presence_end(void);
/* Every other client gets a seat, for its request. */
void presence_seat(struct client *client);
/* Some event of some channel begins, is published, or finds no room. */
void presence_step(void);
/* Everything is quiet. */
void presence_rest(void);
