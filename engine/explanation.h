/* SPDX-License-Identifier: MIT */
/*
 * An explanation: whether a stream was sent an event, and why or why not.
 *
 * A worker gives the facts (engine/worker/explain.h), from its live cursors or from what is
 * remembered of streams that have ended; the words are made here. Pure.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/limits.h"
#include "engine/reason.h"

/* With its word for users, which stays once it is there. */
#define EXPLAIN_REASONS(X)                                                                         \
    X(EXPLAIN_SENT, "sent")                     /* its socket has taken the event */               \
    X(EXPLAIN_NOT_SUBSCRIBED, "not-subscribed") /* to the event's channel */                       \
    X(EXPLAIN_BEFORE_JOIN, "before-join")       /* it asked for what comes later */                \
    X(EXPLAIN_WAITING, "waiting")               /* it will be sent the event */                    \
    X(EXPLAIN_SKIPPED, "skipped")               /* it was slow, and told of the gap */             \
    X(EXPLAIN_GONE, "gone")                     /* the stream ended before that */                 \
    X(EXPLAIN_EVICTED, "evicted")               /* history has let the event go, and perhaps what  \
                                                   became of it with it */

enum explain_reason {
#define X(name, word) name,
    EXPLAIN_REASONS(X)
#undef X
};

enum explain_delivered { DELIVERED_NO, DELIVERED_YES, DELIVERED_UNKNOWN };

/* What is known of the event. */
enum explain_event {
    EVENT_RETAINED,  /* it is in its channel's history */
    EVENT_LET_GO,    /* it was, in a channel that is known */
    EVENT_UNKNOWN,   /* no channel has it or remembers it */
    EVENT_UNBORN,    /* nothing was published with this id yet */
    EVENT_RESTARTED, /* its id is of another start of the server */
};

struct explanation {
    enum explain_reason reason;
    enum explain_delivered delivered;
    enum explain_event event;
    uint64_t sequence; /* of the event; 0: not known */
    uint64_t began;    /* what the stream asked for comes after it */
    uint64_t cursor;   /* of the newest event that it was sent */
    uint16_t channel_len;
    char channel[CHANNEL_BYTES_MAX]; /* of the event; empty: not known */
    /* Of a stream that is there. */
    uint64_t behind;      /* events that it lacks */
    bool behind_is_least; /* and perhaps some more that are forgotten */
    bool is_blocked;      /* its socket takes nothing now */
    bool is_slow;
    uint32_t lagging_ms;   /* for how long it has lacked something; 0: it does not */
    uint32_t window_ms;    /* in so long */
    uint64_t window_bytes; /* its socket has taken so much */
    /* Of one that has ended. */
    enum close_reason closed; /* CLOSE_NONE: it is there */
    uint64_t closed_ms;       /* ago */
};

/* "sent"; static text. */
const char *explain_reason_text(enum explain_reason reason);

#define EXPLANATION_TEXT_ROOM (CHANNEL_BYTES_MAX + 768)
/* One or two sentences for people, without a NUL; how long they are. `last_id` is the id of the
 * event at `cursor`; empty: it is not told. */
size_t explanation_write(const struct explanation *explanation, struct text last_id,
                         char out[EXPLANATION_TEXT_ROOM]);
