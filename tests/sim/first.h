/* SPDX-License-Identifier: MIT */
/* The events that a client's stream is to begin with, and what the client reads of them: behind the
 * preface, before all else, each once. They have no id, and are no part of its limit. */
#pragma once

#include "tests/sim/client.h"

/* For its request; they are the hub's when it is handed over. */
void first_make(struct client *client);
/* It was not. */
void first_take_back(struct client *client);
/* The next block of one that lacks some of them. */
void first_read(struct client *client, const struct block *block);
