/* SPDX-License-Identifier: MIT */
/*
 * What goes out of history again: over the limits, by age, for the memory ceiling (relieve.h), and
 * with it the slow policy and the records that nothing is left of.
 *
 * Not while sends are queued, which may point to what goes. The worker's thread alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct channel;
struct worker;

/* Evicts what the limits and the readers allow; drops the record if nothing is left of it (then the
 * pointer is gone and the answer true). */
bool evict_trim(struct worker *worker, struct channel *channel);
/* Some of the channel's oldest frames go, as far as its sweeps and readers allow, until so much is
 * free: never much at once, so that of channels alike none loses its newest while another keeps its
 * oldest. How many. */
uint32_t evict_part(struct worker *worker, struct channel *channel, uint64_t too_much);
/* By age, for channels that nobody publishes to any more. */
void evict_expired(struct worker *worker);
/* The channel's oldest frame goes, whoever needs it. */
void evict_oldest(struct worker *worker, struct channel *channel);
/* The record goes; it has no members and no frames. */
void evict_record(struct worker *worker, struct channel *channel);

/* An ended channel is open again, with no history; while nothing is queued. */
void evict_ending(struct worker *worker, struct channel *channel);
/* Likewise, if nothing but its end keeps it. */
void evict_ended(struct worker *worker, struct channel *channel);
/* The record of one that nothing else keeps goes, of those the one that ended first. False: there
 * is none. */
bool evict_an_ending(struct worker *worker);
