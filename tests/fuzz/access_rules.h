/* SPDX-License-Identifier: MIT */
/*
 * The rules of docs/formats.md for patterns and tokens, a second time, as plainly as can be, for
 * the fuzz targets `pattern` and `token`.
 */
#pragma once

#include <stdbool.h>

#include "net/access/token_fault.h"
#include "tests/fuzz/target.h"

/* True if this may be a pattern. */
bool access_rules_is_pattern(struct text pattern);
/* True if it matches: by a table of all beginnings of both. Names of 256 bytes at most. */
bool access_rules_match(struct text pattern, struct text name);

/* What is to be said of a token with this header and payload that is signed well by a key of HS256
 * without a kid, at `now_s`; the length of the whole token aside. */
enum token_fault access_rules_token(struct text header, struct text payload, int64_t now_s);
/* True if such a payload, which is good, lets its bearer read (or publish to) the channel. */
bool access_rules_may(struct text payload, const char *list, struct text channel);
