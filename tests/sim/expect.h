/* SPDX-License-Identifier: MIT */
/*
 * What a client must be told, worked out from docs/formats.md: where it starts, what is gone, and
 * how that is told. It looks at the worker only to learn how far it is, what it has evicted and
 * which channels it has as ended; all else comes from the model.
 */
#pragma once

#include "engine/worker/subscriber.h"
#include "tests/sim/model.h"

struct client;

/* What a client's worker has for it at one moment, by channel, and of the events to all. */
struct view {
    uint64_t position;                 /* the next event it takes */
    bool passes_over;                  /* of a notice: what is retained is, too */
    uint64_t evicted[MODEL_RECORDS];   /* the newest that is gone */
    uint64_t lost[MODEL_CHANNELS_MAX]; /* of what its own has let go, what anybody could want */
    uint64_t remembered_after[MODEL_RECORDS];
    uint64_t to_all[MODEL_CHANNELS_MAX]; /* the newest one to all that is the channel's as well */
};

/* The newest event to all that is for the client: none behind the end of all its channels. */
uint64_t expect_to_all(const struct client *client);

void expect_greeting(struct client *client);
/* The notice of a gap begins in the middle of the stream: what it has to say. */
void expect_notice(struct client *client);
