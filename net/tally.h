/* SPDX-License-Identifier: MIT */
/*
 * How many subscribers each address, each channel and each rule for channels has, over all workers:
 * what the caps of one of them are held against, and what /stats tells of rules.
 *
 * Acceptors count up, in front of the hand-off; whoever ends the subscriber counts down, a worker
 * mostly, when it leaves its seat (engine/seat.h). So a count is never above its cap, however many
 * acceptors ask at once, and it goes down when the server has noticed the end. A seat of several
 * names takes them one after the other: while one that is refused gives back what it had already,
 * another request may be refused for it.
 *
 * Names are known by a keyed hash of 64 bits alone: nobody can choose two that are the same, and
 * what are so by chance (one pair in 10^8 among a million) share a cap. There is an entry for whom
 * somebody is subscribed, so they are bounded by the streams there are, and they count against
 * memory_max; where that is full a stream is refused for it.
 *
 * Locks: 64, each around a part of the table, taken for some 20 ns, once for each name at a
 * stream's begin and once at its end; two threads meet in one part in 64 such moments. Without caps
 * there is no table, and nothing is looked at. Shared by reference count: a seat may outlive the
 * server, but not the hub.
 */
#pragma once

#include "engine/hub.h"
#include "engine/seat.h"

enum tally_kind { TALLY_ADDRESS, TALLY_CHANNEL, TALLY_RULE, TALLY_KINDS };

enum { TALLY_FULL = 1 };

struct tally;
struct tally_seat;

/* NULL: out of memory. */
MUST_USE struct tally *tally_new(struct hub *hub);
/* Takes NULL; returns NULL. */
struct tally *tally_unref(struct tally *tally);

/* A seat with room for so many names: 0, -ENOMEM, or HUB_NO_MEMORY. */
MUST_USE int tally_seat_new(struct tally *tally, unsigned room, struct tally_seat **ret_seat);
/* One more for this name: 0, TALLY_FULL (it has `most` already), or -ENOMEM. */
MUST_USE int tally_take(struct tally_seat *seat, enum tally_kind kind, struct text name,
                        uint32_t most);
/* As which it is left: with all the names that it has taken. */
struct seat *tally_seat_of(struct tally_seat *seat);

/* How many this name has now. */
uint64_t tally_count(struct tally *tally, enum tally_kind kind, struct text name);
/* How many names are counted, for tests: exact when nothing else happens. */
uint64_t tally_names(struct tally *tally);
