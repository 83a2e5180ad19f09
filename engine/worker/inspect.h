/* SPDX-License-Identifier: MIT */
/*
 * Looking at a worker from outside: it answers controls (engine/control.h), one after the other.
 *
 * A control's part comes as a message, waits its turn, and is answered in slices: one at the end of
 * a turn, when nothing is queued, of at most INSPECT_LOOKS records and a small part of the turn's
 * time. So records never change within a slice, and between slices anything may: channels are
 * walked in channels.list from its end to its beginning, where a record that goes is replaced by
 * the last one. Those that were walked may so be met again, which their mark tells, and none is
 * missed.
 *
 * Once a drain has begun nothing is answered any more: all that waits, and all that comes, is
 * finished with -ESHUTDOWN. The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

/* From the inbox. */
void inspect_take(struct worker *worker, struct control_part *part);
/* At once: a look for each channel that somebody has just published to. */
void inspect_count(struct worker *worker, struct census_part *part);
/* A slice, while nothing is queued. True if there is more to answer. */
bool inspect_slice(struct worker *worker);
/* Finishes all that waits: a drain has begun. */
void inspect_end(struct worker *worker);

/* What a turn pays where nobody asks. */
static inline bool inspect_some(struct worker *worker)
{
    return __builtin_expect(worker->inspect.first != NULL, 0) && inspect_slice(worker);
}
