/* SPDX-License-Identifier: MIT */
/*
 * An HTTP publish: the body becomes frames, the frames are published whole or not at all, and the
 * answer says their ids.
 *
 * States of a request: decoded -> published and answered 200, or refused and answered, or waiting
 * for room (at most publish_wait_ms, in the acceptor's queue, with the connection out of the epoll
 * set) and then one of the two. While it waits the frames are the client's; once they are the hub's
 * nothing of them may be looked at. The client's waiter is queued exactly while it has frames.
 *
 * Belongs to the acceptor's thread. Does not read requests: that is client.c, which calls this.
 */
#pragma once

#include "net/client.h"

/* A request whose body is complete, on a route that publishes. */
void client_publish(struct client *client, const struct route *route);
/* A waiting publish is tried again. True if it is over. */
bool client_retry(struct client *client);
/* Gives up waiting, if it does, and drops what was to be published. */
void client_unwait(struct client *client);
