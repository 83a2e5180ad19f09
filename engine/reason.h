/* SPDX-License-Identifier: MIT */
/*
 * Why a stream ended, or never began: one list for the counters, the logs and whoever asks.
 *
 * Each reason has one row: its name in C, that of its counter (closed_...), and its word for users,
 * which stays once it is there.
 */
#pragma once

/* Ends that are counted as such. */
#define CLOSE_REASONS(X)                                                                           \
    X(CLOSE_GONE, gone, "gone")                      /* the client hung up */                      \
    X(CLOSE_ERROR, error, "error")                   /* of its socket, or of the backend */        \
    X(CLOSE_SLOW, slow, "slow")                      /* history has passed it */                   \
    X(CLOSE_STUCK, stuck, "stuck")                   /* it took nothing for too long */            \
    X(CLOSE_LIMIT, limit, "limit")                   /* it had what it had asked for */            \
    X(CLOSE_IDLE, idle, "idle")                      /* nothing was published */                   \
    X(CLOSE_AGE, age, "age")                         /* its lifetime is over */                    \
    X(CLOSE_MEMORY, memory, "memory")                /* memory_max was reached */                  \
    X(CLOSE_ENDED, ended, "ended")                   /* its channels have ended */                 \
    X(CLOSE_CHANNEL, channel, "channel-closed")      /* its channels were closed */                \
    X(CLOSE_DRAIN, drain, "drain")                   /* the server stops */                        \
    X(CLOSE_ASKED, asked, "asked")                   /* in order, on request */                    \
    X(CLOSE_CUT, cut, "cut")                         /* likewise, or a late drain: not in order */ \
    X(CLOSE_EXPIRED, token_expired, "token-expired") /* so is its credential's */

enum close_reason {
    CLOSE_NONE,
#define X(name, counter, word) name,
    CLOSE_REASONS(X)
#undef X
        CLOSE_REFUSED, /* it never was a subscriber; counted as refused_... */
};

/* The word for it: "gone", "token-expired"; static text. */
const char *reason_text(enum close_reason reason);
