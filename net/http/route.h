/* SPDX-License-Identifier: MIT */
/*
 * Routing: a method and a request target in, what is wanted out (the tables of README.md).
 *
 * The path is matched as it was sent and percent-decoded after that, once. Query names and values
 * are decoded likewise, and there, and only there, `+` is a space. Unknown parameters are ignored;
 * a known one that is malformed, out of range, or given twice is refused by name, on the routes
 * that use it. All texts of a route lie in its own scratch room or are static.
 *
 * Pure: no fd, no allocation, the same answer for the same input. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"
#include "engine/limits.h"
#include "net/http/parser.h"

enum route_kind {
    ROUTE_SUBSCRIBE,
    ROUTE_PUBLISH, /* with no channel if the body is to carry it */
    ROUTE_SEND,
    ROUTE_PAGE,
    ROUTE_HEALTH,
    ROUTE_STATS,
    ROUTE_METRICS,
    ROUTE_OPTIONS, /* of a known path; `allow` is set */
    ROUTE_REFUSED,
};

/* HEAD gives the kind of GET: whoever answers leaves out the body (and starts no stream). */
struct route {
    enum route_kind kind;
    int status;           /* ROUTE_REFUSED: 400, 404, 405, 414 or 501 */
    const char *sentence; /* ROUTE_REFUSED: one plain sentence, static, without line end */
    const char *allow;    /* the path's methods, "GET, HEAD, OPTIONS"; NULL: unknown path */
    bool json_errors;     /* errors of this path are JSON: /send */
    unsigned channel_count;
    struct text
        channels[SUBSCRIBER_CHANNELS_MAX]; /* checked by frame_check_channel, no two alike */
    /* subscribe */
    bool has_resume;    /* the query has a last-event-id that is not empty (the header beats it) */
    struct text resume; /* as the client gave it, valid or not */
    uint32_t last;      /* 0: not given */
    uint32_t limit;     /* 0: never ends */
    /* publish; `event` and `id` are valid UTF-8, frame_new checks the rest */
    struct text event;
    struct text id;
    int64_t retry_ms; /* -1: not given */
    /* route.c's own: the decoded text; decoding never lengthens, so the largest target fits. */
    size_t scratch_len;
    char scratch[TARGET_BYTES_MAX];
};

/* Fills all of the route but the scratch room it does not need. `target` is borrowed for the call.
 */
void route_match(enum http_method method, struct text target, struct route *ret_route);
