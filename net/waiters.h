/* SPDX-License-Identifier: MIT */
/*
 * Publishers of one acceptor that found no room: a queue in order of arrival, and by channel.
 *
 * The rules (design section 4, "Flow control"): who finds no room queues; while somebody waits for
 * a channel, newcomers of that channel queue behind, without a try, and newcomers of other channels
 * do not. When the hub says that there may be room, waiters are tried in order, and who is refused
 * keeps the later ones of its channel waiting. A request for several channels at once holds nobody
 * else up, for it is not known which of them was full.
 *
 * A waiter is embedded in a client or a feed and belongs to its acceptor's thread. The queue owns
 * nothing and publishes nothing: acceptor.c tries, client.c and feed.c join and leave.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/frame.h"
#include "net/connection.h"
#include "engine/base/list.h"

#define WAITER_CELLS 1024u /* by channel hash, so that looking for a channel is one short list */

struct waiter {
    struct link order;
    struct link cell;
    uint64_t channel_hash;
    uint64_t refused_in; /* the pass in which it was refused last */
    bool mixed;          /* frames of several channels */
    struct connection *connection;
};

struct waiters {
    struct link order;
    struct link cells[WAITER_CELLS];
    uint64_t pass;
};

void waiters_init(struct waiters *waiters);

/* These frames are of one channel, and somebody waits for it: queue, do not try. */
bool waiters_hold(const struct waiters *waiters, struct frame *const *frames, unsigned count);

void waiters_add(struct waiters *waiters, struct waiter *waiter, struct connection *connection,
                 struct frame *const *frames, unsigned count);
void waiters_remove(struct waiter *waiter);

/* Of a waiter that is queued: an earlier one of its channel was refused in this pass. */
bool waiters_blocked(const struct waiters *waiters, const struct waiter *waiter);
