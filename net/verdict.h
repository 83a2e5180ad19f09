/* SPDX-License-Identifier: MIT */
/*
 * A verdict: what one check says of a request. The checks are a table of admission.c, which each of
 * them is written without knowing. Plain values, of the acceptor's thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum admission {
    ADMITTED,
    REFUSED,
    UNDECIDED, /* client->pending is set, and will say */
};

/* What one check says; the rest is for REFUSED. */
struct verdict {
    enum admission admission;
    int status;
    const char *sentence;      /* static, or the client's */
    _Atomic uint64_t *counter; /* counts it; NULL: nothing does */
    const char *challenge;     /* the value of WWW-Authenticate; NULL: none */
    const char *word;          /* why, in one word for the journal; NULL: `reason` */
    const char *reason; /* it may be had later: one word for a stream's Fanfare-Refused, which is
                           refused as --refuse says (net/refusal.h); NULL: it may not */
};
