/* SPDX-License-Identifier: MIT */
/*
 * From the inbox into the channels' histories, in sequence, and the channels' records with it.
 *
 * A frame that cannot be kept for want of memory counts as evicted: whoever lacks it is told. The
 * worker's thread alone; it sends nothing, the channels it fills become dirty.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"

struct channel;
struct worker;

/* At most TAKE_BATCH of what is stored; true if there was anything. */
bool intake_events(struct worker *worker);
/* The channel's record, made if there is none; NULL: no memory, or CHANNELS_MAX. */
struct channel *intake_channel(struct worker *worker, uint64_t hash, struct text name);
