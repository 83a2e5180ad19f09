/* SPDX-License-Identifier: MIT */
/*
 * Publishers of one acceptor that found no room: a queue in order of arrival, and by channel.
 *
 * The rules (docs/architecture.md, "Flow control"): who finds no room queues; while somebody waits
 * for a channel, newcomers of that channel queue behind, without a try, and newcomers of other
 * channels do not. When the hub says that there may be room, waiters are tried in order, and who is
 * refused keeps the later ones of its channel waiting. A request for several channels at once holds
 * nobody else up, for it is not known which of them was full.
 *
 * A waiter is embedded in what waits and belongs to its acceptor's thread. The queue owns nothing
 * and publishes nothing: it has each waiter's connection try (`on_room`), and whoever waits joins
 * and leaves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/list.h"
#include "engine/frame.h"
#include "engine/hub.h"
#include "net/connection.h"

#define WAITER_CELLS 1024u /* by channel hash, so that looking for a channel is one short list */

struct waiter {
    struct link order;
    struct link cell;
    uint64_t channel_hash;
    uint64_t refused_in; /* the pass in which it was refused last */
    bool mixed;          /* frames of several channels, or of none */
    struct connection *connection;
};

struct waiters {
    struct loop *loop;
    struct hub_waiter hub_waiter;
    struct source source; /* of the hub's eventfd: there may be room */
    bool has_room;        /* the hub said so since the waiters were tried */
    struct link order;
    struct link cells[WAITER_CELLS];
    uint64_t pass;
};

/* 0, or a negative errno. */
MUST_USE int waiters_init(struct waiters *waiters, struct loop *loop);
/* Nobody waits any more. */
void waiters_deinit(struct waiters *waiters);

/* These frames are of one channel, and somebody waits for it: queue, do not try. */
bool waiters_hold(const struct waiters *waiters, struct frame *const *frames, unsigned count);

/* Of none (`count` 0): for room of whatever kind. */
void waiters_add(struct waiters *waiters, struct waiter *waiter, struct connection *connection,
                 struct frame *const *frames, unsigned count);
void waiters_remove(struct waiters *waiters, struct waiter *waiter);

static inline bool waiter_waits(const struct waiter *waiter)
{
    return link_is_listed(&waiter->order);
}

/* From now on the hub says when there is room: whoever was refused tries once more after this, for
 * room that appeared since would not be told. */
void waiters_arm(struct waiters *waiters);
/* Tries those that wait, in order, as long as that makes progress. */
void waiters_serve(struct waiters *waiters);

/* Of a waiter that is queued: an earlier one of its channel was refused in this pass. */
bool waiters_blocked(const struct waiters *waiters, const struct waiter *waiter);
