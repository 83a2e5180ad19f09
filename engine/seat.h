/* SPDX-License-Identifier: MIT */
/*
 * A seat: something of the caller's that is held as long as a subscriber is there, such as its
 * place among those of one address. It travels with the hand-off, and whoever ends the subscriber,
 * or refuses it, leaves it, on its own thread. The engine does not know what it is.
 *
 * Several of them may hold something of one subscriber: a chain, whose seats know nothing of each
 * other. What they are called with is borrowed; they take at most a short lock, and never call the
 * hub.
 *
 * Most subscribers have none, and cost nothing for it: a worker has a table of them beside its
 * records, of which nothing is touched until the first one comes.
 */
#pragma once

#include "engine/base/base.h"
#include "engine/reason.h"

/* What became of the point that it wanted to go on from. */
enum seat_resume {
    SEAT_ANEW,    /* it named none */
    SEAT_RESUMED, /* it has all that came after it */
    SEAT_GAP,     /* it was told of a gap */
};

/* How it began. */
struct seat_begin {
    uint64_t subscriber; /* its id; 0: subscribers have none */
    uint64_t cursor;     /* a sequence: it gets what comes after that */
    enum seat_resume resume;
};

/* How it ended. */
struct seat_end {
    /* Of one that never was a subscriber: CLOSE_REFUSED, or CLOSE_ENDED for whom its channels' end
     * left nothing. CLOSE_NONE: it was not even handed over. */
    enum close_reason reason;
    uint64_t subscriber; /* its id; 0: subscribers have none, or it was not handed over */
    uint64_t cursor;     /* sequence of the newest event that it had whole */
};

struct seat {
    struct seat *next; /* NULL: the last of the chain */
    /* It has become a subscriber. Once at most, on the worker's thread. NULL: does not want to
     * know. */
    void (*taken)(struct seat *seat, const struct seat_begin *begin);
    /* Any thread, once; frees it. */
    void (*leave)(struct seat *seat, const struct seat_end *end);
    /* One of its channels was closed, and it goes on with others: it listens there no more, also
     * where that name is published to again. Between those two, on the worker's thread; perhaps
     * again for the same one. NULL: does not want to know. */
    void (*closed)(struct seat *seat, struct text channel);
};

/* Of all seats of the chain. */
static inline void seat_taken(struct seat *seat, const struct seat_begin *begin)
{
    for (; seat; seat = seat->next)
        if (seat->taken)
            seat->taken(seat, begin);
}

/* Likewise. */
static inline void seat_closed(struct seat *seat, struct text channel)
{
    for (; seat; seat = seat->next)
        if (seat->closed)
            seat->closed(seat, channel);
}

/* Takes NULL; returns NULL. */
static inline struct seat *seat_leave(struct seat *seat, const struct seat_end *end)
{
    while (seat) {
        struct seat *next = seat->next;
        seat->leave(seat, end);
        seat = next;
    }
    return NULL;
}

/* Of one that was refused. */
static inline struct seat *seat_refuse(struct seat *seat)
{
    static const struct seat_end refused = {.reason = CLOSE_REFUSED};
    return seat_leave(seat, &refused);
}
