/* SPDX-License-Identifier: MIT */
/*
 * What an operator wishes for single clients in the simulation: that they end, and events for each
 * alone. Held against the order: what was published before the wish comes before it, what was
 * published after its answer behind it, and each such event comes once.
 */
#pragma once

#include "tests/sim/client.h"

/* Now and then, in runs that have an operator. */
void steer_step(void);
/* A client reads a block that is no channel's event. */
void steer_read(struct client *client, const struct block *block);
/* It reads an event of a channel: nothing that is before that may still be to come. */
void steer_passed(const struct client *client, uint64_t sequence);
/* Nothing is left that was for it alone. */
void steer_rest(const struct client *client);
void steer_free(struct client *client);
