/* SPDX-License-Identifier: MIT */
/*
 * The name that somebody most likely meant: of those on offer the one with the fewest letters to
 * change, add or drop, as long as no more than a third are wrong.
 *
 * Pure; any thread.
 */
#pragma once

#include <stddef.h>

struct guess {
    const char *name;
    size_t len, least;
    const char *best; /* borrowed from guess_offer; NULL: nothing is near */
};

void guess_begin(struct guess *guess, const char *name, size_t len);
void guess_offer(struct guess *guess, const char *candidate);
