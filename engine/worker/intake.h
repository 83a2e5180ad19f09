/* SPDX-License-Identifier: MIT */
/*
 * From the inbox into the channels' histories, in sequence, and the channels' records with it.
 *
 * An event in the inbox is acknowledged. One that there is no memory for (its channel's record, or
 * a larger ring) is therefore never dropped: the worker is *stalled*, takes nothing behind it, and
 * tries again a millisecond later. The inbox fills up and publishers find no room; when that lasts,
 * relieve lets older history go. The worker's thread alone; it sends nothing, the channels it
 * fills become dirty.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"

struct channel;
struct worker;

/* At most TAKE_BATCH of what is stored; true if any of it was kept. */
bool intake_events(struct worker *worker);
/* Gives up what was taken and not kept. */
void intake_deinit(struct worker *worker);
/* The channel's record, made if there is none; NULL: no memory, or
 * CHANNELS_MAX and none that can go now. */
struct channel *intake_channel(struct worker *worker, uint64_t hash, struct text name);
