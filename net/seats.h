/* SPDX-License-Identifier: MIT */
/*
 * All that is held of ours as long as a stream is there, as one chain of seats (engine/seat.h):
 * what it counts against (caps.h), where its coming and going is told (presence.h, usher.h), and
 * where it is noted (journal.h). Whichever door a stream comes through, it takes them here.
 *
 * Nothing is made, and no address asked for, where nobody wants to know. Any thread.
 */
#pragma once

#include "net/caps.h"
#include "net/usher.h"

struct presence;
struct journal;
struct journal_seat;

struct seats {
    struct caps caps;
    struct presence *presence; /* not looked at where no rule asks for it */
    struct journal *journal;   /* NULL: none is kept */
    const struct usher *usher; /* NULL: nobody wants to know */
    uint64_t tag;              /* for the usher, as in usher_stream; */
    bool adopted;              /* likewise */
};

/* Whether seats_take looks at the peer's address. */
static inline bool seats_want_peer(const struct seats *seats)
{
    return seats->caps.per_address || seats->journal || (seats->usher && seats->usher->seat);
}

/* The chain of a stream of these channels (NULL: nobody wants to know), and the seat in it that is
 * noted (NULL: none). A worker that refuses it answers with `refused_status`. 0, CAPS_ADDRESS,
 * CAPS_CHANNEL, HUB_FULL, HUB_NO_MEMORY, or -ENOMEM: nothing is held. */
MUST_USE int seats_take(const struct seats *seats, const struct address *peer,
                        const struct text *channels, unsigned count, int refused_status,
                        struct seat **ret_chain, struct journal_seat **ret_noted);
/* It was not even handed over; nothing of it is noted, and its seats are left for no reason. */
void seats_give_up(struct seat *chain, struct journal_seat *noted);
