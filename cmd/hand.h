/* SPDX-License-Identifier: MIT */
/*
 * From what was parsed to an engine: each option by its name and text, as a person wrote it. Main
 * thread.
 */
#pragma once

#include <stdbool.h>

#include "cmd/parse.h"

struct fanfare;

/* Where nobody has given one it is the command's default, else the library's. `again`: what needs a
 * restart keeps its value. 0, or what fanfare_set said. */
MUST_USE int hand_options(struct fanfare *fanfare, const struct parse *parse, bool again);
