/* SPDX-License-Identifier: MIT */
/* A hub of one worker that is started without threads: its sockets, its turns, and its end. */
#pragma once

#include <criterion/criterion.h>

#include "engine/hub.h"
#include "engine/io/io_epoll.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"

/* For hub_start_threadless: epoll, for this many sockets. */
#define THREADLESS_SOCKETS 16

static inline int threadless_open(void *context, unsigned index, struct io **ret_io)
{
    (void)context, (void)index;
    return io_epoll_open(THREADLESS_SOCKETS, ret_io);
}

/* Turns until it comes to rest. */
static inline void threadless_turns(struct worker *worker)
{
    int quiet = 0;
    for (int i = 0; i < 1000 && quiet < 3; i++) {
        cr_assert_eq(worker->io->operations->wait(worker->io, 0), 0);
        quiet = worker_turn(worker) ? 0 : quiet + 1;
    }
    cr_assert_eq(quiet, 3, "it comes to rest");
}

/* Drains, closes the backend and frees the hub. */
static inline void threadless_end(struct hub *hub)
{
    struct worker *worker = hub_worker(hub, 0);
    hub_close(hub);
    worker_drain(worker, hub_next_sequence(hub));
    while (!worker->stopped)
        worker_turn(worker);
    worker->io->operations->close(worker->io);
    hub_stop(hub);
    hub_free(hub);
}
