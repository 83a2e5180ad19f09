/* SPDX-License-Identifier: MIT */
/*
 * The body of an HTTP publish request, turned into frames: whole or not at all.
 *
 * By content type: none, text/plain and application/octet-stream are the data of one event;
 * application/json is an object or an array of objects; application/x-www-form-urlencoded is one
 * event; text/event-stream is any number of events in the feed's grammar (`ack` and `wait` are
 * checked and then ignored: the answer's ids acknowledge, and --publish-wait is the server's), and
 * may be anybody's stream: blocks without data are skipped, ids of our own form count as none. A
 * retry alone (no data, type or id) is a message of its own, in JSON, a form and an event-stream,
 * and so is an end.
 *
 * An event's channel is the URL's; if the URL has none, the event's own. Both, and different, is a
 * fault, and so is any beside `all` (the query's, which is for all events, or the event's own).
 * `event` and `retry` of the query stand in for events that have none of their own; `id`, `end` and
 * the key of the head too, for a body of one event.
 *
 * Pure but for the frames it allocates; acceptor threads. Publishing them, and how long to wait for
 * room, is the caller's. Used by net/handlers/publish.c.
 */
#pragma once

#include "engine/base/base.h"
#include "engine/hub.h"
#include "net/handlers/json_text.h"

/* One sentence that names the fault; longer ones are cut. */
#define PUBLISH_ERROR_BYTES JSON_ERROR_BYTES

/* All text is borrowed for the call only. */
struct publish_body {
    struct text content_type;     /* the header's value; empty: none was sent */
    struct text content_encoding; /* likewise */
    struct text bytes;
    struct text channel; /* from the URL, decoded; empty: none */
    struct text type;    /* from the query, decoded; empty: none */
    struct text id;
    int64_t retry_ms; /* from the query; -1: none */
    bool ends;        /* the query ends the channel */
    bool all;         /* the query has them all go to all */
    struct text key;  /* of Idempotency-Key; empty: none */
    bool is_private;  /* one event for one subscriber: it has no channel, id, key or end */
};

/*
 * Fills `frames`, room for PUBLISH_EVENTS_MAX, with the caller's references. 0, or an HTTP status
 * (400, 413, 415) with its sentence in `error`, or -ENOMEM; then no frame is left.
 */
MUST_USE int publish_body_decode(struct hub *hub, const struct publish_body *body,
                                 struct frame **frames, unsigned *ret_count,
                                 char error[PUBLISH_ERROR_BYTES]);

/* POST /send: {"message": "..."}, whatever the content type and the other members, for the channel
 * of `body`, or `default`; else only the bytes and their coding count. Results as above. */
MUST_USE int publish_body_decode_send(struct hub *hub, const struct publish_body *body,
                                      struct frame **ret_frame, char error[PUBLISH_ERROR_BYTES]);
