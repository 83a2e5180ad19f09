/* SPDX-License-Identifier: MIT */
/*
 * A channel that is closed, on one worker.
 *
 * The close has a place in the one order. When the worker takes it, the channel's record leaves the
 * map: from there on the name is another channel's, which knows that what was before is gone. The
 * old record is in the list channels.closed, has ended for its members (ending.h), and each gets
 * what it lacks; who listens to nothing else, the end of its response. What nobody lacks any more
 * is let go (evict.c), and the record with its last member: a member of other channels keeps the
 * empty record, not its history.
 *
 * It holds no publishers, since nothing follows. A slow member has what it lacks as long as the
 * history's limits and memory_max allow; then the slow policy applies. A hand-off that comes to be
 * a subscriber after the close joins the new record, whatever its B is: what was let go before it
 * was there is not owed, and with a resume point it is told.
 *
 * The worker's thread alone, with events.
 */
#pragma once

#include "engine/worker/state.h"

/* False: no memory, and nothing has happened. */
bool closing_take(struct worker *worker, const struct frame *frame);
