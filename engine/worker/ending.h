/* SPDX-License-Identifier: MIT */
/*
 * Channels that have ended, on one worker.
 *
 * The event that ends a channel is the last one in its history (engine/ledger.h sees to that). From
 * then on the channel's sweep sends nothing, but has its members wait for sends of their own, slice
 * by slice (sweep.c): each gets what it lacks and, if all of its channels have ended, the end of
 * its response. Who joins later gets what it asks for and the end, or, if it has everything, is
 * told so instead of a response (join.c).
 *
 * States of a channel: open -> ended (`channel->ending`, in the list of channels.ended by their
 * times) -> open, when end_keep has passed and nobody who reads lacks the end: then history goes,
 * and the ledger is told that this worker has forgotten it. Slow members hold nothing up: they are
 * closed. A member of several channels stays one of this channel, and gets what is published to it
 * afresh. Earlier it is forgotten only where a record without members has to go (CHANNELS_MAX,
 * memory_max: evict.c).
 *
 * The worker's thread alone; all but ending_take while no send is queued.
 */
#pragma once

#include "engine/worker/state.h"

/* Of a channel and the event that ends it; NULL: no memory. ending_take has it when the event is in
 * the history; before, free() undoes it. */
MUST_USE struct ending *ending_new(struct channel *channel, const struct frame *frame);
void ending_take(struct worker *worker, struct ending *ending);
/* At a tick: those whose time has passed are open again. */
void ending_expire(struct worker *worker);
