/* SPDX-License-Identifier: MIT */
/*
 * The header fields of one request, read by llhttp in one go over the complete head.
 *
 * http.c calls this once per request, after its own pass has let the bytes through: only CRLF line
 * ends, no folded lines, no white space around names, no control characters. What the values mean
 * is decided there, too. Pure: the parser lives on the stack, for the call.
 */
#pragma once

#include <stdbool.h>

#include "net/http/request.h"

enum http_field {
    FIELD_HOST,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_CONTENT_TYPE,
    FIELD_CONTENT_ENCODING,
    FIELD_LAST_EVENT_ID,
    FIELD_IDEMPOTENCY_KEY,
    FIELD_ORIGIN,
    FIELD_FETCH_SITE,
    FIELD_AUTHORIZATION,
    FIELD_REQUEST_METHOD,
    FIELD_REQUEST_HEADERS,
    FIELD_ACCEPT,
    FIELD_COOKIE,
    FIELD_EXPECT,
    FIELD_COUNT,
};

struct http_fields {
    struct http_span
        value[FIELD_COUNT]; /* of the first one of its name, without white space around */
    unsigned count[FIELD_COUNT];
    bool keep_alive; /* what Connection and the version make of it */
};

/* Fills *ret_fields as far as llhttp comes; false if it refuses. `span` is from the first field
 * line to the end of the empty line, `minor` that of HTTP/1.minor. */
bool http_fields_read(const char *buffer, struct http_span span, unsigned minor,
                      struct http_fields *ret_fields);

/* The next line of that name behind *at in the field lines of a head that was read: its value,
 * without white space around. False: there is none. */
bool http_fields_next(struct text fields, const char *name, size_t *at, struct text *ret_value);

/* What is said when the field comes twice; NULL if it may. Static text. */
const char *http_field_twice(enum http_field field);
