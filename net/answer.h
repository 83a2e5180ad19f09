/* SPDX-License-Identifier: MIT */
/*
 * Answers to an HTTP client: status, field lines (CORS among them) and body, written in one piece.
 *
 * An answer says keep-alive if the client wishes it, the request was read to its end and the server
 * is not stopping; else it sets `close_after`. None of these functions changes what the client does
 * next: that is exchange.c. Belongs to the acceptor's thread.
 */
#pragma once

#include "net/client.h"

struct answer {
    int status;
    const char *content_type; /* NULL: none */
    struct text body;
    struct text fields;    /* further lines, checked by head_line_check_reply; of a body that is
                              kept as they say, if they do */
    const char *allow;     /* an Allow line; NULL: none */
    const char *challenge; /* a WWW-Authenticate line; NULL: none */
    bool preflight;        /* the lines that answer a CORS preflight */
    bool no_length;        /* HEAD of a stream, whose length nobody knows */
};

/* Both return ANSWERED, so that a handler may return what they do. */
enum handler_result answer_send(struct client *client, const struct answer *answer);
/* One plain sentence, or {"error": "..."} on routes whose errors are JSON; 405 says Allow and 503
 * says Retry-After. */
enum handler_result answer_error(struct client *client, int status, const char *sentence);
/* The same with WWW-Authenticate, if there is a challenge. */
enum handler_result answer_challenge(struct client *client, int status, const char *sentence,
                                     const char *challenge);
void answer_continue(struct client *client);

/* Bytes enough for the lines of a stream's head, whatever the origin. */
#define STREAM_LINES_ROOM (POLICY_BYTES_MAX + HEAD_LINES_BYTES_MAX + 512)
/* The Date and CORS lines of an answer to this request, and those of all answers, for a stream's
 * head. */
struct text answer_stream_lines(const struct client *client, char *room, size_t size);
/* And those of these channels' streams, and what the application gave for one that it let in. */
#define GRANTED_LINES_ROOM (STREAM_LINES_ROOM + HOOK_LINES_BYTES_MAX)
struct text answer_granted_lines(const struct client *client, const struct text *channels,
                                 unsigned channel_count, char *room, size_t size);

/* The whole answer to a connection that is refused before it says anything, with these head lines,
 * each ended by CRLF. Its length. */
size_t answer_refusal(int status, const char *sentence, struct text lines, char *out, size_t size);
