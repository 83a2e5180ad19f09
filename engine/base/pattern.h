/* SPDX-License-Identifier: MIT */
/*
 * Patterns of channel names, and lists of them.
 *
 * A pattern is a channel's name in which each * stands for any run of bytes, of `/` also, and for
 * none; without a * it is the name itself, byte for byte. There are no other special characters and
 * no escapes. A channel whose name has a * in it is matched by a pattern with one in its place.
 *
 * A list is compiled once and immutable. Looking a name up costs as many steps as the name and the
 * patterns have bytes, each pattern for itself, whatever either looks like: a pattern is the text
 * before its first *, the text behind its last, and the pieces between, which are found one behind
 * the other by the failure function of Knuth, Morris and Pratt.
 *
 * Pure but for the memory that it holds. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* Why this can be no pattern, as the rest of a sentence that begins with it; NULL: it can. Static
 * text. */
const char *pattern_fault(struct text pattern);

struct patterns;

/* 0, -ENOMEM, or -EINVAL where one has a fault or there are more than PATTERNS_MAX. */
MUST_USE int patterns_new(const struct text *texts, size_t count, struct patterns **ret_patterns);
/* Takes NULL; returns NULL. */
struct patterns *patterns_free(struct patterns *patterns);

/* True if one of them matches the name. NULL is a list of none. */
bool patterns_match(const struct patterns *patterns, struct text name);
/* Which is the first that does; patterns_count: none. */
size_t patterns_find(const struct patterns *patterns, struct text name);

/* The patterns as they were given, in their order. Borrowed from the list. */
size_t patterns_count(const struct patterns *patterns);
struct text patterns_at(const struct patterns *patterns, size_t index);
/* Bytes that it holds. */
size_t patterns_memory(const struct patterns *patterns);
