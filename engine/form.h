/* SPDX-License-Identifier: MIT */
/*
 * A form: how everything that a subscriber is sent looks on its kind of connection.
 *
 * Events are built once, by frame.c, and each form has a view of them. Whatever else a response
 * consists of is built here, as private frames: its head, comments, gap notices, its end, and the
 * refusal in place of a response. The worker knows when each of them is due and nothing of HTTP. A
 * new kind of subscriber is a new form: a row in `enum form`, and what it looks like in form.c.
 *
 * Any thread; no I/O, no state. Builders return NULL when memory ran out.
 */
#pragma once

#include <stdbool.h>

#include "engine/frame.h"

enum form {
    FORM_CHUNKED, /* HTTP/1.1: each piece is a chunk (RFC 9112 section 7.1) */
    FORM_PLAIN,   /* HTTP/1.0: the text alone, which ends with the connection */
};
#define FORM_COUNT 2

/* A frame's bytes in this form. One that is no event was built in that of its one subscriber, and
 * has nothing around it. */
static inline struct text form_view(enum form form, const struct frame *frame)
{
    return frame_view(frame, form == FORM_PLAIN);
}

/* What a response begins with: its head, `retry:`, a resume point, events for it alone, and what is
 * told at once. */
struct form_opening {
    bool head_sent;    /* its head is written already */
    bool resumes;      /* the client gave a resume point */
    struct text lines; /* head lines of the caller's, each ended by CRLF */
    uint32_t retry_ms; /* how long a client waits before it comes back */
    struct text point; /* the id it is to come back with before it has an event; NULL: none */
    struct frame *const *first; /* private ones, `first_count` */
    unsigned first_count;
    struct frame *notice; /* of a gap, in this form; NULL: none */
    bool bare;            /* no `retry:` and no point: nothing that is not an event's */
    bool charset;         /* the type says utf-8 */
    uint64_t subscriber;  /* its id, if the head is to say it; 0: not */
};
/* Without any of that its length is 0. */
MUST_USE struct frame *form_open(enum form form, const struct form_opening *opening);

/* A line that clients skip: shows both sides that the other one lives. No blank line follows, which
 * some would hand out as an event. */
MUST_USE struct frame *form_comment(enum form form);

/* One channel's loss. */
struct form_loss {
    struct text channel;
    uint64_t through; /* the newest sequence lost */
    int64_t missed;   /* -1: nobody knows how many */
};
/* What a client cannot get any more. */
struct form_gap {
    const char *reason;
    struct text from; /* the resume point as the client gave it; NULL: not to be repeated */
    struct ids *ids;
    uint64_t
        position; /* which the last event's id says, so that one cut off before is told again */
    const struct form_loss *losses;
    unsigned count; /* 1 to SUBSCRIBER_CHANNELS_MAX */
};
/* The notice, whose sequence is the position: one `fanfare-gap` event for each channel. */
MUST_USE struct frame *form_notice(enum form form, const struct form_gap *gap);

/* Whether the end of a response takes bytes; else it is the connection's. */
static inline bool form_has_end(enum form form)
{
    return form == FORM_CHUNKED;
}
MUST_USE struct frame *form_end(enum form form);
/* The end with a `retry:` of the client's own before it, which is taken when its line ends; `bare`:
 * without a blank line; `ended`: with a comment that says that nothing will follow. */
MUST_USE struct frame *form_goodbye(enum form form, uint32_t retry_ms, bool bare, bool ended);
/* The answer in place of a response that would have nothing and never will: 204, with head lines of
 * the caller's, each ended by CRLF. EventSource stops there. */
MUST_USE struct frame *form_over(struct text lines);

/* The answer in place of a response, for a client that may come back soon. */
struct form_refusal {
    struct text reason;   /* one word */
    struct text sentence; /* of a 503 */
    struct text lines;    /* head lines of the caller's; left out if they are too long */
    bool puts_off;        /* 200 and when to come back, since EventSource never does after a 503 */
    bool bare;            /* then: without a blank line, and so without `point` */
    bool charset;         /* likewise: the type says utf-8 */
    uint32_t retry_ms;
    struct text point; /* the id it is to come back with; NULL: none */
};
#define FORM_REFUSAL_LINES_MAX 16384
#define FORM_REFUSAL_BYTES_MAX (FORM_REFUSAL_LINES_MAX + 1024)
/* How many bytes. */
size_t form_refusal(enum form form, const struct form_refusal *refusal,
                    char out[FORM_REFUSAL_BYTES_MAX]);
