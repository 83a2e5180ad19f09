/* SPDX-License-Identifier: MIT */
/*
 * Questions to the workers (engine/control.h), at random, held against what is there: whoever was
 * there all the while is listed once, whoever was not is not, and what is said of an event and a
 * client is what the client has got.
 */
#pragma once

#include "tests/sim/world.h"

/* Asks something, now and then. */
void ask_step(void);
/* After a worker's turn, when its clients' bytes are read: notes what is there, and judges what was
 * answered. */
void ask_look(const struct world_worker *worker);
/* A client joins the worker, which may end it within the same turn. */
void ask_joined(const struct world_worker *worker);
/* A worker makes a record: the channel was not there all the while. */
void ask_made(const struct channels *channels, struct text name);
/* The world ends: nothing is left behind. */
void asks_end(void);
