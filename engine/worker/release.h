/* SPDX-License-Identifier: MIT */
/*
 * Giving back what a published frame counts for: its memory when the last reference goes, and its
 * bytes in flight once every worker has swept it. Publishers wait for both.
 *
 * Within a turn they only add up (`worker->release`); release_settle, at the turn's end, hands the
 * sum to the hub, tells it what the records hold, and wakes whoever waits for room. The worker's
 * thread alone; it evicts nothing.
 */
#pragma once

#include "engine/worker/state.h"

/* Gives up a reference; takes NULL. */
void release_frame(struct worker *worker, struct frame *frame);
/* One worker has swept this frame: its bytes in flight go down if it was the last one. */
void release_flow(struct worker *worker, struct frame *frame);
/* The same for everything of a channel up to its last finished sweep and before `place`. */
void release_swept(struct worker *worker, struct channel *channel, uint64_t place);
void release_settle(struct worker *worker);

/* Counts a new private frame for the subscriber that gets it, until release_frame, and returns it.
 * Takes NULL. */
struct frame *release_private(struct worker *worker, struct frame *frame);
/* Tells flow what the records hold, if that has changed by more than so much. */
void release_tell(struct worker *worker, uint64_t least);
