/* SPDX-License-Identifier: MIT */
/*
 * What a subscriber reads: the history of each of its channels, and that of the events to all,
 * which are part of every channel's (all.h).
 *
 * A channel's history is a suffix of what was published to it and to all: it begins behind what it
 * has let go itself, and behind what the history of the events to all has. So one number says where
 * it begins (source_begins_behind), a reader of one channel needs nothing but its cursor, and no
 * history has a hole. What comes to all behind the end of a channel is no part of it. A subscriber
 * to several channels gets the events to all from the place on where the longest of these histories
 * begins, up to the end of the last of these channels.
 *
 * Pure: looks at the worker, changes nothing. The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

struct membership; /* subscriber.h */

/* Frames of one history, from one place to another. */
struct source {
    const struct history *history;
    uint64_t place, end;
};

/* Of a subscriber to `count` channels, what comes after a sequence: source `index` of count + 1,
 * the last one being that of the events to all. */
struct source source_of(const struct worker *worker, const struct membership *memberships,
                        uint32_t count, uint32_t index, uint64_t after);

/* Of the events to all that are a channel's own, the newest that is let go. */
static inline uint64_t source_let_go(const struct worker *worker, const struct channel *channel)
{
    uint64_t all = worker->all.evicted_through;
    return channel->ending && channel->ending->to_all < all ? channel->ending->to_all : all;
}

/* Behind this a channel's history begins. */
static inline uint64_t source_begins_behind(const struct worker *worker,
                                            const struct channel *channel)
{
    uint64_t own = channel->history.evicted_through, all = source_let_go(worker, channel);
    return own > all ? own : all;
}

/* Of a channel's own events that are gone, what anybody could want: where all of an ended channel
 * is gone, its end is not. */
static inline uint64_t source_own_lost(const struct channel *channel)
{
    uint64_t own = channel->history.evicted_through;
    return channel->ending && own > channel->ending->before ? channel->ending->before : own;
}

/* And of both. */
static inline uint64_t source_lost_through(const struct worker *worker,
                                           const struct channel *channel)
{
    uint64_t own = source_own_lost(channel), all = source_let_go(worker, channel);
    return own > all ? own : all;
}

/* Behind this the events to all begin that a subscriber to these channels gets; 0: there never were
 * such events. */
uint64_t source_lost_to_all(const struct worker *worker, const struct membership *memberships,
                            uint32_t count);

static inline bool source_is_empty(const struct source *source)
{
    return source->place >= source->end;
}

static inline struct frame *source_first(const struct source *source)
{
    return history_at(source->history, source->place);
}
