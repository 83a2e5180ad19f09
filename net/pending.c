/* SPDX-License-Identifier: MIT */
/* Pending requests by their ids: see pending.h. */
#include "net/pending.h"

#include <errno.h>

void pendings_deinit(struct pendings *pendings)
{
    CHECK(pendings->by_id.count == 0);
    map_deinit(&pendings->by_id);
}

int pending_begin(struct pendings *pendings, struct pending *pending,
                  const struct pending_operations *operations, struct connection *connection)
{
    uint64_t *place = map_insert(&pendings->by_id, ++pendings->last_id);
    if (!place)
        return -ENOMEM;
    *place = (uint64_t)(uintptr_t)pending;
    pending->operations = operations;
    pending->connection = connection;
    pending->id = pendings->last_id;
    pending->acted = pending->watches = pending->keeps_input = false;
    return 0;
}

void pending_end(struct pendings *pendings, struct pending *pending)
{
    map_remove(&pendings->by_id, pending->id);
}

struct pending *pending_find(const struct pendings *pendings, uint64_t id)
{
    const uint64_t *place = map_find(&pendings->by_id, id);
    return place ? (struct pending *)(uintptr_t)*place : NULL;
}
