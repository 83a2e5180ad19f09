/* SPDX-License-Identifier: MIT */
/*
 * What a handler is: the code that answers the requests of a route. A row of the route table names
 * one (net/http/route.h), the handlers themselves are in net/handlers.
 *
 * A handler answers, hands the socket off, or leaves something behind that will answer later; what
 * follows from that for the connection is done in one place, exchange.c. It never blocks, and it
 * does not keep the client beyond its return but through client->pending (pending.h).
 *
 * Everything runs on the thread of the client's acceptor.
 */
#pragma once

#include "engine/base/base.h"

struct client;

enum handler_result {
    ANSWERED,   /* the answer was written or queued */
    HANDED_OFF, /* the socket is somebody else's now */
    WAITING,    /* client->pending is set, and will answer */
    ADMIT,      /* of a check alone (admission.h): it knows now, and is asked again */
    PASSED,     /* of the host alone (hosting.h): it leaves the request to its route */
};

struct handler {
    /* GET, as soon as its head is complete; what follows the head is of no interest then. NULL: a
     * GET waits for its end like any other method. */
    enum handler_result (*on_head)(struct client *client);
    /* The request is complete. */
    enum handler_result (*on_request)(struct client *client);
};
