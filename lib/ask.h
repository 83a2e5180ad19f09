/* SPDX-License-Identifier: MIT */
/*
 * The words of the option `ask`: of which kinds of requests the program is told by a note, rather
 * than by a hook. Pure; any thread.
 */
#pragma once

#include <stddef.h>

#include "engine/base/base.h"

/* Words with spaces or commas between: subscribe, publish, other. *ret_kinds is a bit for each
 * FANFARE_REQUEST_ of fanfare.h. 0, or -EINVAL with the rest of a sentence in `error`. */
MUST_USE int ask_read(const char *words, unsigned *ret_kinds, char *error, size_t error_size);
