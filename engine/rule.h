/* SPDX-License-Identifier: MIT */
/*
 * A rule: what holds for the channels of one pattern instead of the server's own values, and how it
 * is written: `PATTERN key=value ...`, with spaces between.
 *
 *   history-events=N  history-bytes=SIZE  history-age=SECONDS    0 events or bytes: nothing is kept
 *   idle-timeout=SECONDS  lifetime=SECONDS                       0: never
 *   subscribers-max=N                                            0: any number
 *   once  presence                                               alone, or 1 or 0
 *
 * What a rule does not name is the server's own value. `once` keeps nothing, whatever the server
 * keeps. Which rule is a channel's: rules.h. Pure; any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct rule {
    uint32_t index; /* among those that were given; their number: the server's own values */
    uint32_t history_events;
    uint64_t history_bytes;
    uint32_t history_age_s;
    uint32_t idle_timeout_ms; /* 0: never */
    uint32_t lifetime_ms;     /* 0: never */
    uint32_t subscribers_max; /* of one channel; 0: any number */
    bool once;                /* a stream ends with its first event, and nothing is kept */
    bool presence;            /* who comes and goes is told */
};

/* Reads one into *rule, which holds the server's own values before; the pattern is of `text`. 0, or
 * -EINVAL with one sentence that names the rule, the key, and what is right. */
MUST_USE int rule_read(const char *text, struct rule *rule, struct text *ret_pattern, char *error,
                       size_t error_size);
