/* SPDX-License-Identifier: MIT */
/*
 * The ledger: what a publisher must know before it claims a place in the order, and no worker can
 * tell it in time: which channels have ended, which keys were used, and which channels were closed.
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
 * To look takes no lock where a sieve says that the channel has surely not ended
 * (ledger_may_refuse): it is told of an end under the lock, so before the claim, and whoever reads
 * a word that this claim has moved (acquire, and the claim releases) sees what the sieve was told
 * before it. Whoever read the word earlier may miss it there, and fails at the swap as above.
 *
 * A channel here: open (not known) -> ended (each worker may still have history and readers of it)
 * -> open again, once every worker has said that it forgot them (ledger_forget). So whoever
 * publishes to the name then begins afresh: nobody's stream is taken up again.
 *
 * A key is of one channel, and means the event that was published with it first; whoever publishes
 * with a key notes it as an end is noted, so of two at the same time one is the first. It is known
 * as long as any worker keeps that event in its history (ledger_forget_key).
 *
 * Who closes a channel (a command in the one order, see frame.h) notes that likewise: what was
 * noted of it before holds no more from that number on, so the name is free at once, although
 * workers still deliver what was before. The note goes when all of them have let go
 * (ledger_let_go).
 *
 * Bounded by the events and channels that workers keep, and counted in `record_bytes`. Any thread.
 * The lock may be taken again by the thread that holds it, for simulations, which do all on one.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "engine/base/hash.h"
#include "engine/base/map.h"
#include "engine/frame.h"
#include "engine/sieve.h"

struct ledger {
    pthread_mutex_t lock;
    unsigned workers; /* that must forget an ended channel; constant */
    _Atomic uint64_t *record_bytes;
    const struct hash_key *hash_key; /* constant */
    struct map ended;                /* channel hash -> struct ledger_end * */
    struct map keys;                 /* hash of channel and key -> struct ledger_key * */
    struct map closes;               /* channel hash -> struct ledger_close * */
    struct sieve sieve;              /* of the hashes of those that have ended */
    uint64_t memory;                 /* bytes that all of it holds */
};

void ledger_init(struct ledger *ledger, unsigned workers, const struct hash_key *hash_key,
                 _Atomic uint64_t *record_bytes);
void ledger_deinit(struct ledger *ledger);

void ledger_lock(struct ledger *ledger);
void ledger_unlock(struct ledger *ledger);

/* Without the lock, after the sequence word was read: false if none of the frames' channels has
 * ended. True where nothing is known of any: who looks then takes the word's mark away. */
bool ledger_may_refuse(const struct ledger *ledger, struct frame *const *frames, unsigned count);

/* --- all of these under the lock -------------------------------------------------------------- */

/* Of ends: only for them everybody has to look. */
static inline bool ledger_is_empty(const struct ledger *ledger)
{
    return ledger->ended.count == 0;
}

/* The first frame whose channel has ended; `count`: none. */
unsigned ledger_find_ended(const struct ledger *ledger, struct frame *const *frames,
                           unsigned count);

enum { LEDGER_ENDED = 1, LEDGER_TWICE = 2 };
/* Notes ends and keys of the frames, in their order. The `sequence` of those whose key is known
 * becomes that of the event that was the first, and is 0 in the others; they are not noted.
 * LEDGER_ENDED: *ret_index is the first frame whose channel has ended, also by one before it;
 * LEDGER_TWICE: that has the key of one before it. Both, and -ENOMEM, leave nothing noted. */
MUST_USE int ledger_note(struct ledger *ledger, struct frame *const *frames, unsigned count,
                         unsigned *ret_index);
/* They were not published after all: those whose `sequence` is 0. */
void ledger_erase(struct ledger *ledger, struct frame *const *frames, unsigned count);

/* They are published: in this order, those whose `sequence` is 0, from `first` on. */
void ledger_number(struct ledger *ledger, struct frame *const *frames, unsigned count,
                   uint64_t first);
/* The id of the publisher's own of the event that was first with this frame's key; its length, 0:
 * it has none, or is forgotten. */
size_t ledger_given_id(const struct ledger *ledger, const struct frame *frame,
                       char out[EVENT_ID_BYTES_MAX]);

/* A channel is about to be closed by this frame: 0, or -ENOMEM. It has the place `sequence`, from
 * which on what was noted of the channel before is void: allocates and frees nothing. Then, whether
 * it got one or not, what is not needed any more goes. */
MUST_USE int ledger_close_begin(struct ledger *ledger, const struct frame *frame);
void ledger_close_number(struct ledger *ledger, const struct frame *frame, uint64_t sequence);
void ledger_close_end(struct ledger *ledger, uint64_t hash, struct text name);

/* --- by itself -------------------------------------------------------------------------------- */

/* One worker has neither history nor readers of the channel that this event has ended. */
void ledger_forget(struct ledger *ledger, uint64_t hash, struct text name, uint64_t sequence);
/* One worker has neither of a channel that was closed: once for each close. */
void ledger_let_go(struct ledger *ledger, uint64_t hash, struct text name);
/* One worker has let go of an event with a key. */
void ledger_forget_key(struct ledger *ledger, const struct frame *frame);
