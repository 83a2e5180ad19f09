/* SPDX-License-Identifier: MIT */
/*
 * A feed: a unix stream connection that publishes event-stream text (docs/formats.md).
 *
 * A turn is: publish what is gathered -> read once if nothing is left to parse -> parse up to
 * TURN_EVENTS or TURN_BYTES -> publish them in one step -> write the answers. Everything is
 * answered in the order it was read: a refused event is an entry between the others.
 *
 * Holding: without room the gathered events wait in the acceptor's queue and the socket is not
 * read; an event with `wait: no` is answered `error: busy` instead. With more than
 * FEED_ANSWER_BYTES_MAX of answers unread it is not read either, which nobody else notices.
 *
 * A hand-over (net/handover.h) is an entry as well, the last one of its turn, so that it comes
 * behind the events before it. See feed_adoption.h for its descriptor.
 *
 * The end: after the last input an unfinished event is refused, all answers are written, then it is
 * closed. A peer that went away without reading still has all its events published.
 *
 * Belongs to its acceptor's thread.
 */
#pragma once

#include "net/feed/event_text.h"
#include "net/feed/feed_adoption.h"
#include "net/feed/feed_count.h"
#include "net/service.h"
#include "net/waiters.h"

/* One gathered event, or a refusal in its place. */
struct feed_entry {
    struct frame *frame; /* ours until it is published; NULL: refused, and feed->error says why */
    bool wait_no;
    bool adopts;     /* a hand-over, whose lines the parser has; it is always the last one */
    bool faulty;     /* likewise, and feed->error says why it is none */
    bool counts;     /* its answer says how many subscribers there are; it is published alone */
    uint8_t ack_len; /* 0: no answer wanted */
    char ack[ACK_BYTES_MAX];
};

struct feed {
    struct connection connection; /* first: see struct source */
    struct event_text parser;
    bool told;   /* the unfinished event at the end of input was looked at */
    char *input; /* READ_BYTES; [at, len) is not parsed; NULL: nothing is left */
    uint32_t at, len;
    struct feed_adoption adoption;
    struct waiter waiter;
    struct feed_count counting;
    unsigned waiting;     /* how many entries from `done` on wait for room together */
    unsigned done, count; /* entries [done, count) are to be published or answered */
    uint32_t gathered_bytes;
    char error[128]; /* of the refused entry; it is always the last one */
    struct feed_entry entries[TURN_EVENTS];
};

/* What accept.c makes of a feed's socket. */
extern const struct connection_kind feed_kind;
