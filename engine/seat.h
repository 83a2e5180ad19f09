/* SPDX-License-Identifier: MIT */
/*
 * A seat: something of the caller's that is held as long as a subscriber is there, such as its
 * place among those of one address. It travels with the hand-off, and whoever ends the subscriber,
 * or refuses it, leaves it, on its own thread. The engine does not know what it is.
 *
 * Most subscribers have none, and cost nothing for it: a worker has a table of them beside its
 * records, of which nothing is touched until the first one comes.
 */
#pragma once

#include "engine/base/base.h"

struct seat {
    void (*leave)(struct seat *seat); /* any thread, once; frees it */
};

/* Takes NULL; returns NULL. */
static inline struct seat *seat_leave(struct seat *seat)
{
    if (seat)
        seat->leave(seat);
    return NULL;
}
