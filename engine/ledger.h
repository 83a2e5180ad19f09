/* SPDX-License-Identifier: MIT */
/*
 * The ledger: what a publisher must know before it claims a place in the order, and no worker can
 * tell it in time: which channels have ended.
 *
 * The end of a channel is an event with a place in the one order, and the last one in the channel's
 * history on every worker, so no reader is ended before it has what was published before. That
 * nothing is published behind it is seen to here:
 *   - who ends a channel notes that here, under the lock, and claims its place before it unlocks;
 *   - who publishes reads the hub's sequence word, looks here if a bit of that word says that
 *     there is anything to see, and claims by compare-and-swap from the very word that it read.
 * An end that is noted after the look and claimed before the swap has moved the word: the swap
 * fails, and the next look sees it. So an event is either claimed before its channel's end, and
 * every reader gets it, or it is refused. While nothing was ever noted the bit is not set, and
 * nobody looks.
 *
 * A channel here: open (not known) -> ended (each worker may still have history and readers of it)
 * -> open again, once every worker has said that it forgot them (ledger_forget). So whoever
 * publishes to the name then begins afresh: nobody's stream is taken up again.
 *
 * Bounded by the channels that workers keep (CHANNELS_MAX), and counted in `record_bytes`. Any
 * thread. The lock may be taken again by the thread that holds it, for simulations, which do all on
 * one.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "engine/base/map.h"
#include "engine/frame.h"

struct ledger {
    pthread_mutex_t lock;
    unsigned workers; /* that must forget an ended channel; constant */
    _Atomic uint64_t *record_bytes;
    struct map ended; /* channel hash -> struct ledger_end * */
    uint64_t memory;  /* bytes that all of it holds */
};

void ledger_init(struct ledger *ledger, unsigned workers, _Atomic uint64_t *record_bytes);
void ledger_deinit(struct ledger *ledger);

void ledger_lock(struct ledger *ledger);
void ledger_unlock(struct ledger *ledger);

/* --- all of these under the lock -------------------------------------------------------------- */

static inline bool ledger_is_empty(const struct ledger *ledger)
{
    return ledger->ended.count == 0;
}

/* The first frame whose channel has ended; `count`: none. */
unsigned ledger_find_ended(const struct ledger *ledger, struct frame *const *frames,
                           unsigned count);

enum { LEDGER_ENDED = 1 };
/* Notes what the frames end, in their order. LEDGER_ENDED: *ret_index is the first frame whose
 * channel has ended, also by one before it; that, and -ENOMEM, leave nothing noted. */
MUST_USE int ledger_note(struct ledger *ledger, struct frame *const *frames, unsigned count,
                         unsigned *ret_index);
/* They were not published after all. */
void ledger_erase(struct ledger *ledger, struct frame *const *frames, unsigned count);

/* --- by itself -------------------------------------------------------------------------------- */

/* One worker has neither history nor readers of the ended channel any more. */
void ledger_forget(struct ledger *ledger, uint64_t hash, struct text name);
