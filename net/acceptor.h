/* SPDX-License-Identifier: MIT */
/*
 * An acceptor: one thread that accepts, parses and answers, with one epoll set.
 *
 * One round of its loop: wait for events -> serve each (an accept batch, or one turn of one
 * connection) -> give one turn to every connection that still holds unparsed input -> try the
 * publishers that wait for room -> end what is past its deadline -> follow the server's phase ->
 * let rested listeners go on -> free what was closed.
 *
 * It only puts together what others do: loop, service, accept and, through struct server_parts, the
 * kinds of connections, none of which knows it.
 *
 * Owner: everything here belongs to the acceptor's own thread; what others say comes through the
 * service's mailbox. acceptor_new and acceptor_free are called by the thread that owns the server,
 * before the start and after the end of the thread.
 */
#pragma once

#include <pthread.h>

#include "net/accept.h"
#include "net/service.h"

struct acceptor {
    pthread_t thread;
    struct service service;
    struct accept accept;
    unsigned reloads; /* how often the limits were changed, as far as this acceptor knows */
    int phase;        /* enum server_phase, as far as this acceptor is */
    int64_t end_ns;   /* in PHASE_CLOSED: when what is left is cut */
    struct phase_order orders[PHASE_CLOSED + 1]; /* in its mailbox, from acceptor_order on */
};

/* 0, or a negative errno. */
MUST_USE int acceptor_new(struct server_state *server, struct acceptor **ret_acceptor);
/* Its thread has ended or was never started. Takes NULL; returns NULL. */
struct acceptor *acceptor_free(struct acceptor *acceptor);

/* The body of its thread: `acceptor` is a struct acceptor. */
void *acceptor_run(void *acceptor);
/* Makes it look at the server's limits. Any thread. */
void acceptor_wake(struct acceptor *acceptor);
/* Makes it go on to this phase, each once. The thread that owns the server. */
void acceptor_order(struct acceptor *acceptor, enum server_phase phase);
