/* SPDX-License-Identifier: MIT */
/*
 * Admission: whether a request may do what it asks, looked at once, when its head is complete and
 * before a byte of its body is read.
 *
 * The checks are a table, asked in their order; the first that refuses answers the request. One may
 * answer later: it leaves a struct pending behind and says UNDECIDED, and the request goes on
 * behind it when that says ADMIT. A route that is refused anyway, and OPTIONS, which only asks what
 * would be allowed, are let in by the checks that are about what a request does.
 *
 * What a check finds is kept in the client, for the handler. Belongs to the acceptor's thread.
 */
#pragma once

#include "net/client.h"

enum admission {
    ADMITTED,
    REFUSED,
    UNDECIDED, /* client->pending is set, and will say */
};

/* What one check says; the rest is for REFUSED. */
struct verdict {
    enum admission admission;
    int status;
    const char *sentence;      /* static, or the client's */
    _Atomic uint64_t *counter; /* counts it; NULL: nothing does */
    const char *challenge;     /* the value of WWW-Authenticate; NULL: none */
};

/* Asks the checks that have not let the request in yet. REFUSED: it was answered. */
enum admission admission_ask(struct client *client);
