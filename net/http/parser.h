/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1 requests: bytes in, a checked request out. The answers are in net/http/answer.h.
 *
 * The caller keeps one contiguous buffer per connection and calls http_parse with what is new in
 * it. The parser keeps offsets, never pointers, so the buffer may be moved between calls. Per
 * request: http_parser_start -> PARSE_MORE... -> PARSE_HEAD (once: refuse early, or answer Expect)
 * -> PARSE_MORE... -> PARSE_DONE -> http_parser_start for the next one. PARSE_REFUSED is final:
 * answer with the parser's status and sentence and close, for the end of such a request is not
 * known. A body is decoded in place: when done, it lies whole behind the head, without any chunk
 * framing.
 *
 * Invariant: a request fed byte by byte gives exactly what it gives in one piece.
 *
 * Pure: no fd, no clock, no allocation. A parser belongs to one connection, so to one acceptor.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/http/request.h"

struct http_limits {
    uint32_t head_bytes_max;   /* request line and fields; more: 431 */
    uint32_t target_bytes_max; /* more: 414 */
    uint32_t body_bytes_max;   /* of the decoded body; more: 413 */
};

enum http_result { PARSE_MORE, PARSE_HEAD, PARSE_DONE, PARSE_REFUSED };

struct http_parser {
    struct http_limits limits;
    struct http_request request;
    int status;           /* of PARSE_REFUSED: 400, 413, 414, 431, 501 or 505 */
    const char *sentence; /* likewise: one plain sentence, static, without line end */
    /* The rest is http.c's own; offsets are into the caller's buffer. */
    uint32_t start;      /* the request's first byte, once it has begun */
    uint32_t empty;      /* bytes of empty lines before it, which count as part of the head */
    uint32_t token;      /* the method, target or version that is being read */
    uint32_t fields;     /* the first field line */
    uint32_t size_bytes; /* digits of the current chunk's size */
    uint32_t overhead;   /* chunk extensions and trailer fields so far */
    uint64_t left;       /* bytes of the identity body, or of the current chunk, still to come */
    uint8_t state;
    bool trailers; /* field lines belong to the end of a chunked body */
};

/* Once per connection; also starts the first request. */
void http_parser_init(struct http_parser *parser, const struct http_limits *limits);
/* Before every further request of the connection. */
void http_parser_start(struct http_parser *parser);
/* True once a byte of the request was seen that is not a line end: from here on 408 is due, and
 * what was parsed must stay in the buffer. */
bool http_parser_begun(const struct http_parser *parser);

/*
 * Parses buffer[from, to). `from` is any offset until the request has begun and *ret_next of the
 * call before from then on; *ret_next is always written:
 *
 * PARSE_MORE: everything was taken, and input now ends at *ret_next, which is below `to` when chunk
 * framing was squeezed out; read further bytes to there.
 *
 * PARSE_HEAD: the head is complete. Call again with from = *ret_next and the same `to`, even if
 * they are equal: a request without a body is then done.
 *
 * PARSE_DONE: one request is complete, and buffer[*ret_next, to) belongs to the next one.
 *
 * PARSE_REFUSED: status and sentence say why; http_parse must not be called again.
 */
MUST_USE enum http_result http_parse(struct http_parser *parser, char *buffer, size_t from,
                                     size_t to, size_t *ret_next);
