/* SPDX-License-Identifier: MIT */
/*
 * A grant: what a credential allows. Which channels may be read and which published to, as
 * patterns, until when, and who it is.
 *
 * Whatever a credential was (a JWT, a token of a list, an answer of the application, none at all),
 * a grant is what becomes of it, and the only thing that requests and streams are checked against.
 * It is immutable and shared by reference count, between threads too. It does not look at the
 * clock: whoever holds one compares grant_ends_at_s with the time.
 *
 * Pure but for the memory that it holds. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

enum grant_right { GRANT_SUBSCRIBE, GRANT_PUBLISH };

#define GRANT_RIGHTS 2

#define GRANT_NEVER INT64_MAX /* it does not end */

/* Borrowed for the call of grant_new. */
struct grant_options {
    const struct text *subscribe; /* patterns: engine/base/pattern.h */
    size_t subscribe_count;
    const struct text *publish;
    size_t publish_count;
    int64_t ends_at_s; /* Unix time */
    struct text sub;   /* who it is; empty: nobody says */
};

struct grant;

/* 0, -ENOMEM, or -EINVAL where a text can be no pattern or there are more than PATTERNS_MAX. */
MUST_USE int grant_new(const struct grant_options *options, struct grant **ret_grant);
struct grant *grant_ref(struct grant *grant);
/* Takes NULL; returns NULL. */
struct grant *grant_unref(struct grant *grant);

/* True if it covers the channel. NULL covers none. */
bool grant_may(const struct grant *grant, enum grant_right right, struct text channel);
/* From this second of Unix time on it allows nothing any more. */
int64_t grant_ends_at_s(const struct grant *grant);
/* As the credential has it: whoever prints it escapes it. Borrowed. */
struct text grant_sub(const struct grant *grant);
/* The patterns, to be told to people; borrowed. */
const struct patterns *grant_patterns(const struct grant *grant, enum grant_right right);
/* Bytes that it holds. */
size_t grant_memory(const struct grant *grant);
