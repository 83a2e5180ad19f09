/* SPDX-License-Identifier: MIT */
/* The rounds of an acceptor thread, and how it follows the server: see acceptor.h. */
#include "net/acceptor.h"

#include <errno.h>

/* --- life ---------------------------------------------------------------------------------- */

int acceptor_new(struct server_state *server, struct acceptor **ret_acceptor)
{
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
    if (!acceptor)
        return -ENOMEM;
    acceptor->reloads = atomic_load_explicit(&server->reloads, memory_order_acquire);
    int r = service_init(&acceptor->service, server);
    if (!r)
        r = accept_init(&acceptor->accept, &acceptor->service);
    if (r) {
        acceptor_free(acceptor);
        return r;
    }
    *ret_acceptor = acceptor;
    return 0;
}

struct acceptor *acceptor_free(struct acceptor *acceptor)
{
    if (!acceptor)
        return NULL;
    connection_close_all(&acceptor->service.loop);
    accept_deinit(&acceptor->accept);
    service_deinit(&acceptor->service);
    free(acceptor);
    return NULL;
}

void acceptor_wake(struct acceptor *acceptor)
{
    service_wake(&acceptor->service);
}

void acceptor_order(struct acceptor *acceptor, enum server_phase phase)
{
    service_order(&acceptor->service, &acceptor->orders[phase], phase);
}

/* --- following the server ------------------------------------------------------------------ */

static void follow_limits(struct acceptor *acceptor)
{
    struct server_state *server = acceptor->service.server;
    unsigned reloads = atomic_load_explicit(&server->reloads, memory_order_acquire);
    if (reloads == acceptor->reloads)
        return;
    acceptor->reloads = reloads;
    service_follow_limits(&acceptor->service);
}

static void take_once(struct connection *connection)
{
    connection->operations->on_event(connection);
}

static void stop_one(struct connection *connection)
{
    connection->operations->on_stop(connection);
}

/* Accepts what waits, and reads every connection once more. */
static void take_the_last(struct acceptor *acceptor)
{
    struct service *service = &acceptor->service;
    struct server_state *server = service->server;
    service->stopping = true;
    accept_end(&acceptor->accept);
    server_state_reach(server, &server->accepted);
    connection_each(&service->loop, take_once);
    /* What was read is bounded, so this ends: no turn reads while it has unparsed input. */
    while (!list_is_empty(&service->loop.ready))
        connection_serve_ready(&service->loop);
    waiters_serve(&service->waiters);
    server_state_reach(server, &server->taken);
}

/* See docs/architecture.md, "Drain". */
static void follow_phase(struct acceptor *acceptor)
{
    struct loop *loop = &acceptor->service.loop;
    int phase = acceptor->service.phase;
    if (phase >= PHASE_TAKING && acceptor->phase < PHASE_TAKING) {
        acceptor->phase = PHASE_TAKING;
        take_the_last(acceptor);
    }
    if (phase >= PHASE_CLOSED && acceptor->phase < PHASE_CLOSED) {
        acceptor->phase = PHASE_CLOSED;
        acceptor->end_ns = loop->now_ns + STOP_ANSWER_MS * 1000000ll;
        connection_each(loop, stop_one);
        /* A client that does not close has had its answer: it is not worth waiting for. */
        loop_set_duration(loop, DEADLINE_LINGER, LINGER_STOP_MS * 1000000ll);
    }
}

/* --- the loop ------------------------------------------------------------------------------ */

/* When the next round begins at the latest. */
static int64_t round_until_ns(const struct acceptor *acceptor)
{
    const struct loop *loop = &acceptor->service.loop;
    if (!list_is_empty(&loop->ready) || acceptor->service.waiters.has_room)
        return 0;
    int64_t until_ns = loop_next_deadline(loop);
    int64_t resume_ns = accept_resume_at(&acceptor->accept);
    if (resume_ns < until_ns)
        until_ns = resume_ns;
    if (acceptor->phase == PHASE_CLOSED && acceptor->end_ns < until_ns)
        until_ns = acceptor->end_ns;
    return until_ns;
}

static bool is_done(const struct acceptor *acceptor)
{
    const struct loop *loop = &acceptor->service.loop;
    return acceptor->phase == PHASE_CLOSED &&
           (list_is_empty(&loop->open) || loop->now_ns >= acceptor->end_ns);
}

void *acceptor_run(void *argument)
{
    struct acceptor *acceptor = argument;
    struct loop *loop = &acceptor->service.loop;
    pthread_setname_np(pthread_self(), "fanfare-accept");
    while (!is_done(acceptor)) {
        loop_wait(loop, round_until_ns(acceptor));
        follow_limits(acceptor);
        loop_dispatch(loop);
        connection_serve_ready(loop);
        if (acceptor->service.waiters.has_room)
            waiters_serve(&acceptor->service.waiters);
        connection_expire(loop);
        follow_phase(acceptor);
        accept_resume(&acceptor->accept);
        connection_free_closed(loop);
        loop_tell_memory(loop);
    }
    connection_close_all(loop);
    loop_tell_memory(loop);
    return NULL;
}
