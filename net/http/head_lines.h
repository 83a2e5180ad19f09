/* SPDX-License-Identifier: MIT */
/*
 * Head lines of the operator's, in the answers of the server: those of all answers, "NAME: VALUE",
 * and those of streams, "PATTERN NAME: VALUE", where the pattern ends at the first space.
 *
 * A stream has the lines of each pattern that matches one of its channels, and no line twice. What
 * may not be one is said by head_line.h; the lines of both kinds together are bounded, so that they
 * always fit where an answer is put together.
 *
 * What streams say anyway (`X-Accel-Buffering: no`) may be said here too, and adds nothing, since
 * whoever comes from another server brings it along. Access-Control-Allow-Origin is the operator's
 * own where the server allows no origins.
 *
 * Compiled once and immutable. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct head_lines;

/* Borrowed for the call of head_lines_new. */
struct head_lines_options {
    const char *const *always;
    unsigned always_count;
    const char *const *of_streams;
    unsigned of_streams_count;
    bool has_origins; /* the server says itself which origins may read (allow-origin) */
};

/* 0, -ENOMEM, or -EINVAL with one sentence in `error`. */
MUST_USE int head_lines_new(const struct head_lines_options *options, struct head_lines **ret_lines,
                            char *error, size_t error_size);
/* Takes NULL; returns NULL. */
struct head_lines *head_lines_free(struct head_lines *lines);

/* Those of all answers, each ended by CRLF; of NULL, none. They lie in `lines`. */
struct text head_lines_always(const struct head_lines *lines);
/* Writes those of a stream of these channels behind them; HEAD_LINES_BYTES_MAX bytes are room
 * enough. How many bytes. */
size_t head_lines_of_stream(const struct head_lines *lines, const struct text *channels,
                            unsigned count, char *out);
