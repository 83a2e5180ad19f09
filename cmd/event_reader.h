/* SPDX-License-Identifier: MIT */
/*
 * Reads an event stream as a client does: bytes in, in whatever pieces the network gives, events
 * out (WHATWG HTML section 9.2.6).
 *
 * A blank line ends an event; one without data is not an event, but its `id:` and `retry:` hold
 * nevertheless, which is how Fanfare makes a stream resumable from its first byte on. An event cut
 * off by the end of the stream is dropped: the server sends it again.
 *
 * One owner, no I/O; sub_run's thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/limits.h"

/* What a server of ours can send in one line, and a little more. More: the stream is given up. */
#define READER_BYTES_MAX (DATA_BYTES_MAX + 4096)
/* A longer `retry:` is taken as this: a server's mistake must not silence a client for a day. */
#define READER_RETRY_MS_MAX 3600000u

struct read_event {
    struct text type; /* "message" if none was given */
    struct text data;
    struct text id; /* the last id of the stream, maybe of an earlier event */
};

struct buffer {
    char *at;
    size_t len, size;
};

struct event_reader {
    struct buffer line, data;
    char type[EVENT_TYPE_BYTES_MAX + 1];
    char id[EVENT_ID_BYTES_MAX + 1];      /* as of the event being read */
    char last_id[EVENT_ID_BYTES_MAX + 1]; /* as of the last blank line: what a resume says */
    uint32_t retry_ms;                    /* last one told */
    bool has_data, after_return, begun;
    bool ended; /* the server says that nothing will follow this stream */
    void (*on_event)(void *context, const struct read_event *event);
    void *context;
};

void event_reader_init(struct event_reader *reader,
                       void (*on_event)(void *context, const struct read_event *event),
                       void *context);
/* 0, -ENOMEM, or -EMSGSIZE (a line or an event beyond READER_BYTES_MAX). */
MUST_USE int event_reader_feed(struct event_reader *reader, struct text bytes);
/* A new stream begins: what was not ended by a blank line is forgotten, id and retry are kept. */
void event_reader_restart(struct event_reader *reader);
void event_reader_deinit(struct event_reader *reader);

MUST_USE int buffer_add(struct buffer *buffer, struct text bytes, size_t max);
void buffer_free(struct buffer *buffer);
