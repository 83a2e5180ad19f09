/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/1 request as the parser leaves it: what its head said, by offsets into the buffer that it
 * lies in. Values alone; parser.h says when they are complete, and route.h what the target means.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"

/* METHOD_QUERY is a GET whose question stands in the body. */
enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_QUERY,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER,
};

/* Bytes of the connection's buffer by offset; len 0: not there, or empty. See http_text. */
struct http_span {
    uint32_t at;
    uint32_t len;
};

/* What the head said; complete from PARSE_HEAD on. */
struct http_request {
    enum http_method method;
    uint8_t minor;   /* HTTP/1.minor: 0 or 1 */
    bool keep_alive; /* what the client wishes */
    bool chunked;
    bool has_body;           /* chunked, or a content length above 0 */
    bool expect_continue;    /* HTTP/1.1 only */
    uint64_t content_length; /* 0 when chunked */
    struct http_span method_name;
    struct http_span fields; /* all field lines, with the empty one */
    struct http_span target;
    struct http_span host;
    struct http_span content_type;
    struct http_span content_encoding;
    struct http_span last_event_id;
    struct http_span idempotency_key;
    struct http_span origin;
    struct http_span fetch_site;
    struct http_span access_control_request_method;
    struct http_span access_control_request_headers;
    struct http_span accept; /* of a list field that comes twice, the first one */
    struct http_span authorization;
    struct http_span cookie; /* the first line of them: */
    uint32_t cookie_lines;   /* all of these are one list (http_fields_next) */
    struct http_span body;   /* complete at PARSE_DONE; grows until then */
};

static inline struct text http_text(const char *buffer, struct http_span span)
{
    return (struct text){buffer + span.at, span.len};
}
