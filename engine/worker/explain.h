/* SPDX-License-Identifier: MIT */
/*
 * Explaining: what became of an event for one subscriber, from its live cursor, or from what is
 * remembered of it (engine/closes.h).
 *
 * First the event's channel is found: among those of the subscriber, which is soon done, else
 * among all of this worker's, in slices. Then the facts are put together in one piece, of the
 * subscriber as it is then. The worker's thread alone, while nothing is queued.
 */
#pragma once

#include "engine/worker/slice.h"

/* A slice of it. True if the part is answered. */
bool explain_some(struct worker *worker, struct control_part *part, struct slice *slice);
