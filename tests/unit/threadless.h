/* SPDX-License-Identifier: MIT */
/* The end of a hub of one worker that was started without threads. */
#pragma once

#include "engine/hub.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"

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
