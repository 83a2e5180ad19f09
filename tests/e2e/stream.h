/* SPDX-License-Identifier: MIT */
/*
 * An SSE client: connects, reads the head, takes the chunks apart, and parses the event stream by
 * WHATWG HTML section 9.2.6, with code of the tests' own, so that the server is not checked against
 * itself.
 *
 * States: head -> body (chunked, or plain until the connection closes) -> ended (last chunk seen)
 * -> closed. Anything that breaks the framing fails the test at once. A stream either gathers its
 * events for stream_next or hands each one to `on_event`. Small while idle, so that one process can
 * hold 15,000. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/e2e/server.h"

struct stream_event {
    char *type; /* "message" if none was given */
    char *data;
    char *id; /* the last id the client knows at that moment */
    size_t data_len;
};

struct stream;
/* The text is borrowed for the call only. */
typedef void stream_on_event(struct stream *stream, const struct stream_event *event);

struct growing {
    char *at;
    uint32_t len, size;
};

struct stream {
    int fd;
    unsigned number;  /* the owner's */
    uint64_t seen;    /* events so far */
    uint64_t user[2]; /* the owner's */
    stream_on_event *on_event;
    void *context;

    int status; /* 0: the head is not complete */
    bool chunked, ended, closed, reset;
    char *head; /* kept only by streams without on_event */

    uint32_t chunk_left;
    uint8_t chunk_state;
    bool after_cr;
    struct growing line, data;
    char type[264];
    char id_buffer[136]; /* set by `id:` at once */
    char last_id[136];   /* committed by a blank line, as browsers do */
    long retry;          /* -1: none seen */
    uint64_t ids, comments, bytes;

    struct stream_event *waiting; /* gathered, oldest first */
    unsigned waiting_count, waiting_size;
};

/* Prepares a stream on a connected socket, which it owns from then on. */
void stream_init(struct stream *stream, int fd, stream_on_event *on_event, void *context);
/* Connects and sends the request; `fields` are further head lines with their CRLF, or NULL. Waits
 * for nothing. */
void stream_open(struct stream *stream, const struct server *server, const char *target,
                 const char *fields);
/* One that will not read for a while: its socket takes little, and its head is here. */
void stream_open_small(struct stream *stream, const struct server *server, const char *target,
                       int buffer_bytes);
void stream_send_request(struct stream *stream, const char *target, const char *fields);
void stream_close(struct stream *stream);

/* Takes what is there now, without waiting; `size` bounds one call. False: nothing more will come.
 */
bool stream_take(struct stream *stream, size_t size);
/* Parses bytes as if they had been received. */
void stream_parse(struct stream *stream, const char *bytes, size_t len);

/* Waits for the head; then status and head are set. */
void stream_await_head(struct stream *stream);
/* Waits until the preface's id is committed. */
void stream_await_id(struct stream *stream);
/* The next event; false if the stream ended instead. Free it with event_free. */
bool stream_next(struct stream *stream, struct stream_event *ret_event);
/* The next event must have this type and data (NULL: any); gives its id. */
void stream_expect(struct stream *stream, const char *type, const char *data, char ret_id[136]);
/* The server still works: a new connection publishes to the stream's channel, and it has that next.
 */
void stream_expect_serving(struct stream *stream, const struct server *server, const char *channel,
                           const char *text);
/* The stream must end without a further event, with a last chunk. */
void stream_expect_end(struct stream *stream);
const char *stream_field(const struct stream *stream, const char *name);
void event_free(struct stream_event *event);
