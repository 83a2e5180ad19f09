/* SPDX-License-Identifier: MIT */
/*
 * One line of logfmt: `key=value` with spaces between, as log collectors read it.
 *
 * No value can end its line or look like another key: one that has anything but visible ASCII, or a
 * quote, a backslash or an equals sign, or nothing at all, is put into quotes, in which `"` and `\`
 * have a backslash before them, line feed, return and tab are \n, \r and \t, and whatever else
 * would steer a terminal is \xNN or \uNNNN (terminal.h).
 *
 * What does not fit is left out whole, and said. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"

struct logfmt {
    char *at; /* room for `size` bytes */
    size_t size, len;
};

/* Each is false if it does not fit. Keys are ours: lower case and underscores. */
bool logfmt_text(struct logfmt *line, const char *key, struct text value);
bool logfmt_number(struct logfmt *line, const char *key, uint64_t value);
/* Seconds, with three decimals. */
bool logfmt_seconds(struct logfmt *line, const char *key, int64_t value_ns);
/* A moment since 1970, in UTC: 2026-11-27T18:30:05.123Z. */
bool logfmt_time(struct logfmt *line, const char *key, int64_t value_ns);
/* Its line feed. */
bool logfmt_end(struct logfmt *line);
