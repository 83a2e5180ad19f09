/* SPDX-License-Identifier: MIT */
/*
 * Accepting: from a listener's event to a connection of its kind, or to a refusal that says why.
 *
 * A listener is in the epoll set of every acceptor, level triggered with EPOLLEXCLUSIVE, and gives
 * at most ACCEPT_BATCH connections a wake. Where no place or descriptor is free, the connection of
 * this acceptor that has held one longest without a request is closed for it. Refusals:
 *   too many connections   it may still ask for what must always be answered; beyond
 *                          CONNECTIONS_FOR_HEALTH it gets its 503 (or `error:`) like any other
 *                          answer, up to REFUSALS_MAX of them at once; more are answered and
 *                          closed in one step
 *   no descriptor, memory  the acceptor's reserve descriptor is closed for a moment, so that this
 *                          connection too can be accepted, answered 503 and closed; then the
 *                          listener leaves the epoll set until a descriptor is free or REST_MS have
 *                          passed
 *   wrong peer of a feed   an `error:` answer
 *
 * Belongs to the acceptor's thread. Knows no kind of connection: struct server_parts has them.
 */
#pragma once

#include "net/service.h"

struct accept;

/* A listener as one acceptor sees it. */
struct listening {
    struct source source;
    struct accept *accept;
    const struct listener *listener;
    bool listed;           /* in the epoll set */
    int64_t rest_until_ns; /* while it rests */
};

struct accept {
    struct service *service;
    struct listening listenings[LISTENERS_MAX];
    int reserve_fd; /* closed to accept and refuse when no descriptor is left; -1: there is none */
    bool resting;   /* a listener rests */
    unsigned waits; /* of this round, for requests of connections that are refused */
    unsigned refusals; /* refused connections that are kept until they have read why */
};

/* Puts all listeners into the epoll set, and opens the reserve. 0, or a negative errno. */
MUST_USE int accept_init(struct accept *accept, struct service *service);
void accept_deinit(struct accept *accept);
/* Lets listeners go on that have rested long enough. */
void accept_resume(struct accept *accept);
/* When the first of the resting ones may go on; INT64_MAX: none rests. */
int64_t accept_resume_at(const struct accept *accept);
/* The last call: accepts all that waits, then leaves the listeners. */
void accept_end(struct accept *accept);
