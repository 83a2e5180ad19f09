/* SPDX-License-Identifier: MIT */
/*
 * Event-stream text, as publishers write it: the feed's grammar, read piece by piece.
 *
 * The line rules are those of WHATWG HTML section 9.2.6 (LF, CR or CRLF; one leading space of a
 * value removed; a byte order mark only at the start), with more fields: `channel`, `ack`, `wait`,
 * `end`, `key`, `all`. Nothing persists between events. A block of comments, unknown fields and
 * blank lines is ignored.
 *
 * A block without data, type and id may tell clients a delay (`retry`), or end its channel (`end`).
 * On the feed every other event needs data, all need a channel or `all: 1`, and a retry is digits:
 * what lacks them was meant otherwise. Anybody's event stream, relayed as a body, has other blocks
 * without data: there they are skipped, and a retry that is no digits counts as none.
 *
 * On the feed a block with `adopt` is a hand-over (net/handover.h) and no event: it has lines of
 * that, which are gathered as they are, and an `ack`. Without `adopt` they are unknown fields.
 *
 * A fault refuses one event, never the stream: the rest of it is read up to its blank line, where
 * it is reported with the `ack` it had. Of data and of every other field only what the limits allow
 * is kept, of comments and unknown fields nothing, so a parser holds at most its own size, data_max
 * and ADOPTION_BYTES_MAX.
 *
 * What becomes part of a frame (channel, type, id, data) is checked for its text by frame_new, not
 * here; here lengths, digits, the number of channels and the whole of `ack` and `wait` are.
 *
 * Pure: no I/O, no clock; one owner, on any thread. Used by feed.c and publish_body.c.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/frame.h"
#include "engine/limits.h"

enum event_text_result {
    EVENT_TEXT_MORE = 0, /* all bytes taken, no event is complete */
    EVENT_TEXT_EVENT,    /* one event: event, ack, wait_no and counts are filled */
    EVENT_TEXT_ADOPTION, /* one hand-over: adoption and ack are filled */
    EVENT_TEXT_REFUSED,  /* one event was refused: error, fault and ack are filled */
};

enum event_text_fault {
    EVENT_TEXT_OK = 0,
    EVENT_TEXT_FIELD,  /* a field that is missing, doubled or not well formed */
    EVENT_TEXT_LARGE,  /* more data than data_max, or lines of a hand-over */
    EVENT_TEXT_MEMORY, /* no memory to hold them */
    EVENT_TEXT_CUT,    /* the input ended inside the event */
};

/* A line that is not complete yet is kept only up to the longest field that fits. */
#define EVENT_TEXT_LINE_BYTES (sizeof("channel: ") - 1 + CHANNEL_BYTES_MAX)

struct event_text {
    /* Results of the last call; the texts are valid until the next call, and while the bytes given
     * to the last one stay where they are. */
    struct event event;   /* channel is empty if there was none (not on the feed) */
    struct text ack;      /* empty: none */
    bool wait_no;         /* `wait: no` */
    bool counts;          /* `count: 1` */
    bool adopts;          /* a hand-over, refused or not */
    struct text adoption; /* its lines, each whole, with LF; of a refused one those kept */
    uint64_t begin; /* where its block began, right behind a blank line: in bytes since the first */
    uint64_t end;   /* and ended */
    enum event_text_fault fault;
    const char *error; /* one sentence; owned by the parser or static */
    bool tight;        /* the owner's: of an event in pieces no more than 64 KiB is held */

    /* Everything below is the parser's own. */
    bool feed;          /* not a body */
    bool event_done;    /* the last call returned an event: the next one begins afresh */
    bool after_cr;      /* a LF now belongs to the CR before it */
    uint8_t mark_len;   /* bytes of a byte order mark seen; 3: past the start */
    uint8_t line_state; /* enum line_state */
    uint16_t seen;      /* bits of the fields this event has */
    bool data_borrowed; /* event.data lies in the caller's bytes */
    uint16_t line_len;
    uint64_t place; /* bytes that were taken */
    size_t data_max;
    size_t data_capacity;
    char *data;
    enum event_text_fault adoption_fault; /* why its lines are not all there; 0: they are */
    size_t adoption_capacity;
    char *adoption_bytes;
    char line[EVENT_TEXT_LINE_BYTES];
    char channel[CHANNEL_BYTES_MAX];
    char type[EVENT_TYPE_BYTES_MAX];
    char id[EVENT_ID_BYTES_MAX];
    char key[EVENT_KEY_BYTES_MAX];
    char ack_bytes[ACK_BYTES_MAX];
    char error_large[80];
};

/* Allocates nothing. An event's data may be data_max bytes after joining its lines. */
void event_text_init(struct event_text *parser, size_t data_max, bool feed);
void event_text_deinit(struct event_text *parser);
/* Another data_max from here on; the event that is being read counts too. */
void event_text_limit(struct event_text *parser, size_t data_max);

/* Reads up to the end of one event, or all of the bytes. *ret_consumed of them are taken; call
 * again with the rest until EVENT_TEXT_MORE. */
MUST_USE enum event_text_result event_text_read(struct event_text *parser, const char *bytes,
                                                size_t len, size_t *ret_consumed);

/* An event has begun and is not complete. */
bool event_text_pending(const struct event_text *parser);

/* The input has ended: EVENT_TEXT_MORE if nothing is pending, else EVENT_TEXT_REFUSED, once. */
MUST_USE enum event_text_result event_text_end(struct event_text *parser);
