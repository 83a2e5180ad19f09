/* SPDX-License-Identifier: MIT */
/* Why subscribers have left, as the program that embeds the engine is told. Pure. */
#pragma once

#include "engine/reason.h"

/* FANFARE_LEFT_... */
int left_of(enum close_reason reason);
