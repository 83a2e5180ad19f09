/* SPDX-License-Identifier: MIT */
/*
 * The heads of our HTTP answers, and whole error answers.
 *
 * Every head says its status, Date (RFC 9110 section 6.6.1), Content-Length and Connection; the
 * version is always HTTP/1.1, as RFC 9110 section 6.2 asks, whatever the client speaks. The head of
 * an event stream is not made here but by the worker that takes the subscriber.
 *
 * No clock (the caller says what time it is), no allocation; all that is kept is each thread's last
 * Date line. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"

/* The whole Date line of an answer with its CRLF; empty for a year beyond int. `now` in seconds
 * since 1970. Valid until this thread asks for another second. */
struct text http_date_line(int64_t now);

struct http_answer {
    int status;
    bool keep_alive;          /* false: says Connection: close */
    const char *content_type; /* NULL: none */
    uint64_t content_length;  /* of the body; not said for 1xx, 204 and 304, which have none */
    struct text extra;        /* further field lines, each ended by CRLF; may be empty */
    int64_t now;              /* seconds since 1970, for Date */
};

/* Bytes enough for any head of ours without its `extra`. */
#define HTTP_HEAD_ROOM 512

/* Writes the head with its blank line, no NUL. Returns its length, or 0 if `size` is too small. */
MUST_USE size_t http_format_head(char *out, size_t size, const struct http_answer *answer);

/* And for the sentence of an error in either form: one of PUBLISH_ERROR_BYTES, all escaped. */
#define HTTP_ERROR_ROOM 1536

/*
 * A whole error answer: head, and as body the sentence and a line end, or {"error": "sentence"} for
 * `json`. content_type and content_length of `answer` are not looked at. For HEAD (`head_only`) the
 * body is left out and its length still said. Returns its length, or 0 if `size` is too small.
 */
MUST_USE size_t http_format_error(char *out, size_t size, const struct http_answer *answer,
                                  const char *sentence, bool json, bool head_only);
