/* SPDX-License-Identifier: MIT */
/*
 * What an application answered, when it was asked whether a request may pass.
 *
 * 2xx: it may. Its `X-Fanfare-Channel: NAME` lines take the place of the channels that were asked
 * for, its `X-Fanfare-Header: Name: value` lines go into the stream's head. 401, 403, 404 and 429
 * are for the client, with WWW-Authenticate and Retry-After if they are there. Everything else, and
 * a line of ours that cannot be used, is no answer: half of what an application said is not what it
 * said.
 *
 * Made once, immutable, counted by references. Pure: it never sees a socket. Any thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"

struct hook_answer {
    _Atomic unsigned references; /* as a frame's */
    int status;                  /* 200 to 299, 401, 403, 404 or 429 */
    unsigned channel_count;      /* 0: those that were asked for */
    const struct text *channels; /* valid names, no two alike */
    struct text lines;           /* whole head lines, each ended by CRLF */
    size_t bytes;                /* memory of all of it */
};

/* Why an answer is none. */
enum hook_fault {
    HOOK_STATUS = 1, /* one that says neither yes nor no */
    HOOK_FORM,       /* a line that is none, or is folded */
    HOOK_CHANNEL,    /* no channel name */
    HOOK_CHANNELS,   /* more than a subscriber may have */
    HOOK_LINE,       /* a head line that may not stand in an answer of ours */
    HOOK_LINES,      /* more of them than there is room for */
};

/* `head` is the field lines of the answer's head, each with its line end; `channels_max` how many a
 * subscriber may have. 0, -ENOMEM, or an enum hook_fault. */
MUST_USE int hook_answer_read(int status, struct text head, unsigned channels_max,
                              struct hook_answer **ret_answer);
struct hook_answer *hook_answer_ref(struct hook_answer *answer);
/* Takes NULL; returns NULL. */
struct hook_answer *hook_answer_unref(struct hook_answer *answer);

static inline bool hook_answer_allows(const struct hook_answer *answer)
{
    return answer->status < 300;
}
