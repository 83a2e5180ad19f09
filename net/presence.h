/* SPDX-License-Identifier: MIT */
/*
 * Presence: who comes to the channels whose rule says so (engine/rules.h), and goes, as events of
 * the server's own channel OWN_PRESENCE and the name:
 *
 *   event: join
 *   data: {"channel": "room", "subscribers": 3, "subscriber": "010000002a000003"}
 *
 * and `leave`; what is told together (net/presence_count.h) has null for the subscriber.
 *
 * A stream counts in each such channel from the moment in which its worker has it until that ends
 * it, by a seat (engine/seat.h), which its acceptor makes by the rules that hold then: a rule that
 * comes later is for the streams that come later. Workers count, under the lock of one of 64 parts
 * of the table, and never publish: a thread of ours does, one event after the other, so that every
 * stream sees the numbers in one order, and tries again where there is no room.
 *
 * Channels are known by a keyed hash of their names and by the names; an entry is there for whom
 * somebody is seated or something is to be told. All of it counts against memory_max. Shared by
 * reference count: a seat may outlive the server, but not the hub.
 */
#pragma once

#include "engine/hub.h"
#include "engine/rules.h"
#include "engine/seat.h"
#include "net/net_stats.h"

struct presence;

/* Its thread counts in `stats`, which outlives it. NULL: out of memory or descriptors. */
MUST_USE struct presence *presence_new(struct hub *hub, struct net_stats *stats);
/* Starts its thread, if it does not run. 0, or a negative errno. */
MUST_USE int presence_start(struct presence *presence);
/* From here on nobody is told anything. */
void presence_stop(struct presence *presence);
/* Of one that is stopped, or was never started. Takes NULL; returns NULL. */
struct presence *presence_unref(struct presence *presence);

/* A seat that counts in those of the channels whose rule says so; NULL: none does. 0,
 * HUB_NO_MEMORY, or -ENOMEM. */
MUST_USE int presence_seat_new(struct presence *presence, const struct rules *rules,
                               const struct text *channels, unsigned count, struct seat **ret_seat);

/* How many channels are known, for tests: exact when nothing else happens. */
uint64_t presence_channels(struct presence *presence);
