/* SPDX-License-Identifier: MIT */
/*
 * An acceptor: one thread that accepts, parses and answers, with one epoll set.
 *
 * One round of its loop: wait for events -> serve each (an accept batch, or one turn of one
 * connection)
 * -> give one turn to every connection that still holds unparsed input -> try the publishers that
 * wait for room -> end what is past its deadline -> let rested listeners go on -> free what was
 * closed. Objects that are closed during a round are freed at its end, so a stale event names
 * nothing freed.
 *
 * Owner: everything here belongs to the acceptor's own thread, but for `stats` (relaxed atomics
 * that only it writes) and wake_fd (anybody may add to it). acceptor_new and acceptor_free are
 * called by the thread that owns the server, before the start and after the end of the thread.
 *
 * Deadlines have a fixed duration per kind, so each kind is a plain queue and the epoll timeout is
 * the earliest of their heads. No allocation here for a connection that is idle.
 */
#pragma once

#include <pthread.h>

#include "net/connection.h"
#include "net/net_stats.h"
#include "net/http/route.h"
#include "net/server_state.h"
#include "net/waiters.h"

/* A listener as one acceptor sees it. */
struct listening {
    struct source source;
    struct listener *listener;
    bool listed;           /* in the epoll set */
    int64_t rest_until_ns; /* while it rests */
};

struct acceptor {
    struct server *server;
    struct hub *hub;
    struct server_limits limits; /* its own copy */
    unsigned reloads;            /* how often it was changed */
    int64_t memory_change;       /* of its connections, not yet told to the hub */
    pthread_t thread;
    int epoll_fd;
    int wake_fd;    /* the server's phase has changed */
    int room_fd;    /* the hub: there may be room */
    int reserve_fd; /* closed to accept and refuse when no descriptor is left; -1: could not be had
                     */
    struct source wake;
    struct source room;
    struct hub_waiter hub_waiter;
    struct listening listenings[LISTENERS_MAX];
    struct link connections;
    struct link ready;
    struct link closed;
    struct link deadlines[DEADLINE_KINDS];
    struct waiters waiters;
    int64_t now_ns;             /* of this round */
    int phase;                  /* enum server_phase, as far as this acceptor is */
    int64_t end_ns;             /* in PHASE_CLOSED: when what is left is cut */
    bool has_room;              /* the hub said so since the waiters were tried */
    bool resting;               /* a listener rests */
    bool freed;                 /* a descriptor was closed since a listener began to rest */
    unsigned refusals;          /* refused connections that are kept until they have read why */
    uint64_t subscribers_known; /* of the hub, at subscribers_known_ns */
    uint64_t subscribers_since; /* handed off since */
    int64_t subscribers_known_ns;
    struct net_stats stats;

    /* Room for the length of one turn. */
    struct route route;
    struct frame *frames[PUBLISH_EVENTS_MAX];
    char input[READ_BYTES];
};

/* 0, or a negative errno. */
MUST_USE int acceptor_new(struct server *server, struct acceptor **ret_acceptor);
/* Its thread has ended or was never started. Takes NULL; returns NULL. */
struct acceptor *acceptor_free(struct acceptor *acceptor);

/* The body of its thread: `acceptor` is a struct acceptor. */
void *acceptor_run(void *acceptor);
/* Makes it look at the server's phase. Any thread. */
void acceptor_wake(struct acceptor *acceptor);

/* Joins the publishers that wait for room, or gives up waiting. Its own thread. */
void acceptor_wait(struct acceptor *acceptor, struct waiter *waiter, struct connection *connection,
                   struct frame *const *frames, unsigned count);
void acceptor_unwait(struct acceptor *acceptor, struct waiter *waiter);

/* True if one more subscriber is allowed. */
bool acceptor_may_subscribe(struct acceptor *acceptor);

/* Counts what the connection holds now against memory_max: after each turn of a connection. */
void acceptor_settle_memory(struct connection *connection);

/* Bookkeeping of connection.c: this connection is now in `closed`. */
void acceptor_on_closed(struct acceptor *acceptor, struct connection *connection);
