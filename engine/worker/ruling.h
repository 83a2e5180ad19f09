/* SPDX-License-Identifier: MIT */
/*
 * Which rule holds for what, on one worker: for a channel the first of the rules (engine/rules.h)
 * that matches its name, for a subscriber what its channels' rules make of its times.
 *
 * A channel's record keeps the number of its rule, and of the list that it was looked up in: it is
 * looked up when it is first asked for, and again when the worker has another list since. So a
 * reload looks at no channel, whatever their number, and an event costs nothing. The walks through
 * the channels that are too old (evict.c) begin anew then, one for each history age there is.
 *
 * The worker's thread alone, but for ruling_make.
 */
#pragma once

#include "engine/rules.h"
#include "engine/worker/state.h"

struct subscriber;

/* The list that these options stand for, with a reference: theirs, or one of their values alone.
 * Any thread. */
MUST_USE int ruling_make(const struct hub_options *options, struct rules **ret_rules);
/* Another list from now on; takes it over. */
void ruling_change(struct worker *worker, struct rules *rules);
void ruling_deinit(struct worker *worker);

void ruling_look_up(struct worker *worker, struct channel *channel);

static inline const struct rule *ruling_of(struct worker *worker, struct channel *channel)
{
    if (channel->rule_list != worker->ruling.number)
        ruling_look_up(worker, channel);
    return &worker->ruling.items[channel->rule];
}

struct ruling_times {
    uint32_t idle_timeout_ms, lifetime_ms; /* 0: never */
};
/*
 * Of several channels the shortest lifetime: each rule says that no stream of its channels lives
 * longer. And the longest idle timeout, never before all: what ends is the stream of all of them,
 * and a channel may be quiet for as long as its own rule allows, whatever it shares a stream with.
 */
struct ruling_times ruling_times(struct worker *worker, struct subscriber *subscriber);
