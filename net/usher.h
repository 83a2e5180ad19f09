/* SPDX-License-Identifier: MIT */
/*
 * An usher: whoever wants to know of each stream that comes and goes, whichever door it came
 * through, makes a seat (engine/seat.h) for it. The server does not know who that is, and for what.
 * Immutable; it outlives the server.
 */
#pragma once

#include "engine/seat.h"
#include "net/access/address.h"

/* Borrowed for the call. */
struct usher_stream {
    const struct text *channels;
    unsigned channel_count;
    const struct address *peer;
    uint64_t tag;
    bool adopted; /* who gave it away is told whether it was taken, and does not see its answer */
};

struct usher {
    /* Any thread. 0, HUB_FULL, HUB_NO_MEMORY, -ENOMEM. NULL: it does not want to know. */
    int (*seat)(void *context, const struct usher_stream *stream, struct seat **ret_seat);
    /* How much it has to tell that nobody has fetched, for the counters. Any thread. */
    uint64_t (*waiting)(const void *context);
    void *context;
};
