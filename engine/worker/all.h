/* SPDX-License-Identifier: MIT */
/*
 * Events to all on one worker: one history for them (channels.all), whatever number of channels
 * there is, which readers merge with those of their channels (source.h).
 *
 * Sweeps: a channel's run carries the events to all that are pending, in their order with its own.
 * That every channel with a member is swept for them is seen to in rounds. A round is about the
 * events up to `through`, and looks at all subscribers, some in each turn: whoever has everything
 * but these is sent them by its channel's sweep, which owes them from then on, or by a send of its
 * own. Joiners need no look: they are caught up with everything before they are CURRENT. When all
 * were looked at and no channel owes anything, `swept` becomes `through`.
 *
 * So far, and no further than a subscriber is that lacks something and reads, the events are given
 * back to flow control and may go out of history, as those of a channel are (evict.c).
 *
 * Until the first such event nothing is allocated, and `pending` is 0, which is all that a sweep
 * looks at. The worker's thread alone; no function here sends.
 */
#pragma once

#include "engine/worker/subscriber.h"

/* An event to all is in the history now. */
void all_begin(struct worker *worker, uint64_t sequence);
/* A piece of the round. True if it found anything to do. */
bool all_look(struct worker *worker);
/* The channel's sweep has ended, and is settled. */
void all_owed_swept(struct worker *worker, struct channel *channel);
static inline void all_channel_swept(struct worker *worker, struct channel *channel)
{
    if (__builtin_expect(channel->owes, 0))
        all_owed_swept(worker, channel);
}
/* The turn's end, while nothing is queued: ends the round if it is over. True: the history is to be
 * trimmed. */
bool all_settle(struct worker *worker);

/* There are looks to be made, so that the worker may not sleep. */
static inline bool all_is_busy(const struct worker *worker)
{
    const struct all *all = &worker->all;
    return all->due || (all->pending && (!all->through || all->next < worker->records.used));
}

/* --- those who lack something ---------------------------------------------------------------- */

/* Calls `look` for each subscriber of the worker that lacks something, until it is false. While
 * nothing is queued. */
void all_lacking(struct worker *worker,
                 bool (*look)(struct worker *worker, struct subscriber *subscriber, void *context),
                 void *context);

/* --- sweeps --------------------------------------------------------------------------------- */

/* Whether the channel's next sweep has to carry such events. Of one that has ended nobody waits for
 * a sweep. */
static inline bool all_is_pending(const struct worker *worker, const struct channel *channel)
{
    return __builtin_expect(worker->all.pending > channel->visited, 0) && !channel->ending;
}

/* A channel's events and those to all in their order: what its next sweep may carry. */
struct all_reading {
    const struct history *own, *all;
    uint64_t own_place, all_place;
};
struct all_reading all_read(const struct worker *worker, const struct channel *channel);
/* NULL: none is left. */
struct frame *all_next(struct all_reading *reading);
