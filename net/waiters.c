/* SPDX-License-Identifier: MIT */
/* The queue of publishers without room: see waiters.h. */
#include "net/waiters.h"

void waiters_init(struct waiters *waiters)
{
    list_init(&waiters->order);
    for (unsigned i = 0; i < WAITER_CELLS; i++)
        list_init(&waiters->cells[i]);
    waiters->pass = 0;
}

static bool is_mixed(struct frame *const *frames, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        if (frames[i]->channel_hash != frames[0]->channel_hash)
            return true;
    }
    return false;
}

/* The one that has waited longest for this channel. */
static const struct waiter *first_of(const struct waiters *waiters, uint64_t channel_hash)
{
    const struct link *cell = &waiters->cells[channel_hash & (WAITER_CELLS - 1)];
    for (const struct link *link = cell->next; link != cell; link = link->next) {
        const struct waiter *waiter = LINK_OWNER(link, struct waiter, cell);
        if (waiter->channel_hash == channel_hash)
            return waiter;
    }
    return NULL;
}

bool waiters_hold(const struct waiters *waiters, struct frame *const *frames, unsigned count)
{
    if (list_is_empty(&waiters->order) || is_mixed(frames, count))
        return false;
    return first_of(waiters, frames[0]->channel_hash) != NULL;
}

void waiters_add(struct waiters *waiters, struct waiter *waiter, struct connection *connection,
                 struct frame *const *frames, unsigned count)
{
    waiter->connection = connection;
    waiter->channel_hash = frames[0]->channel_hash;
    waiter->mixed = is_mixed(frames, count);
    waiter->refused_in = 0;
    list_add(&waiters->order, &waiter->order);
    if (!waiter->mixed)
        list_add(&waiters->cells[waiter->channel_hash & (WAITER_CELLS - 1)], &waiter->cell);
}

void waiters_remove(struct waiter *waiter)
{
    list_remove(&waiter->order);
    list_remove(&waiter->cell);
}

bool waiters_blocked(const struct waiters *waiters, const struct waiter *waiter)
{
    if (waiter->mixed)
        return false;
    const struct waiter *first = first_of(waiters, waiter->channel_hash);
    return first != waiter && first->refused_in == waiters->pass;
}
