/* SPDX-License-Identifier: MIT */
/*
 * What the simulation knows of ended channels: when publishing to one has to be refused and when it
 * may not, who has to be told that there is nothing more, and whose stream ends.
 */
#pragma once

#include "tests/sim/client.h"
#include "tests/sim/model.h"

struct publisher;

/* An event got its place: its channel must be open, that is, every worker has forgotten an end
 * before it, and not too soon. */
void ended_stamped(const struct model_event *event);
/* A channel was closed at that place. */
void ended_closed(unsigned channel, uint64_t sequence);
/* hub_publish refused a request because of its frame `index`. */
void ended_refused(const struct publisher *publisher, uint64_t index);

/* Whether all channels of the client have ended, as far as it has been served or told. */
bool ended_for(const struct client *client);
/* Whether one of them was closed before that place. */
bool ended_by_close(const struct client *client, uint64_t before);
/* Whether one of them has ended behind that place. */
bool ended_behind(const struct client *client, uint64_t sequence);
/* Whether its worker has all of them as ended. */
bool ended_here(const struct client *client);
/* At its join: whether its worker has all of its channels as ended, and it everything of them. */
bool ended_before(const struct client *client);
/* The next event that the client must get, but for ends that its worker has let go: they dispatch
 * nothing, and are not told. 0: it has everything. */
uint64_t ended_lacks(const struct client *client);
/* What it reads now was sent without them. */
void ended_pass(struct client *client);
/* No reader stays that has everything of what has ended. */
void ended_rest(const struct client *client);
/* Whether a channel of the client ended so long ago that who is slow is not waited for. */
bool ended_long_ago(const struct client *client);
