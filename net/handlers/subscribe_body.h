/* SPDX-License-Identifier: MIT */
/*
 * The body of a POST or QUERY that asks for a stream: a form, or JSON, that says what the query of
 * a GET would.
 *
 *   channel=A&channel=B&last=5                              application/x-www-form-urlencoded
 *   {"channels": ["A", "B"], "last": 5, "last_event_id": "..."}           application/json
 *
 * The names are those of the query, in JSON also `channels`, a list. A value of the body stands in
 * for that of the query, channels are added to it. Unknown names are ignored, as there. No body
 * says nothing.
 *
 * What is said goes into the route, but for the channels: whether those may be read is looked at
 * first. Texts lie in here, which must be kept as long as the route is looked at. Acceptor threads;
 * no connection.
 */
#pragma once

#include "engine/base/hash.h"
#include "net/handlers/json_text.h"
#include "net/http/route.h"

struct subscribe_body {
    struct text
        channels[SUBSCRIBER_CHANNELS_MAX]; /* checked by frame_check_channel, no two alike */
    unsigned channel_count;
    unsigned channels_most;
    /* Once there are more than are looked at one by one: places of them, plus 1, by their hash. */
    struct hash_key key;
    uint16_t places[2 * SUBSCRIBER_CHANNELS_MAX];
    json_t *json; /* what the texts lie in: this */
    char *form;   /* or this */
};

/* All text but what is kept in `body` is borrowed for the call. */
struct subscribe_text {
    struct text content_type;     /* the header's value; empty: none was sent */
    struct text content_encoding; /* likewise */
    struct text bytes;
};

/* 0; or an HTTP status (400, 413, 415) with its sentence in `error`; or -ENOMEM. In any case to be
 * given to subscribe_body_deinit. */
MUST_USE int subscribe_body_read(struct subscribe_body *body, const struct subscribe_text *text,
                                 struct route *route, char error[JSON_ERROR_BYTES]);
/* One more channel, if it is not there yet: 0, or 400. */
MUST_USE int subscribe_body_add(struct subscribe_body *body, struct text channel,
                                char error[JSON_ERROR_BYTES]);
void subscribe_body_deinit(struct subscribe_body *body);
