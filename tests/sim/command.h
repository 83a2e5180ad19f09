/* SPDX-License-Identifier: MIT */
/* An operator in the simulation: who closes channels and kicks everybody, and what the model makes
 * of it. */
#pragma once

#include "engine/frame.h"

/* Now and then, in runs that have an operator. */
void command_step(void);
/* A command got its place in the order. */
void command_stamped(const struct frame *frame, uint64_t sequence);
