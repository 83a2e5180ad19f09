/* SPDX-License-Identifier: MIT */
/* An operator in the simulation: who closes channels and kicks everybody, and what the model makes
 * of it. */
#pragma once

#include "engine/frame.h"
#include "tests/sim/client.h"

/* Now and then, in runs that have an operator. */
void command_step(void);
/* A command got its place in the order. */
void command_stamped(const struct frame *frame, uint64_t sequence);
/* Its channel was closed after it had joined: nothing follows there. 0: it was not. */
uint64_t command_close(const struct client *client, unsigned channel);
/* The kick behind its request: it is ended; 0: there is none. */
uint64_t command_kick(const struct client *client);
