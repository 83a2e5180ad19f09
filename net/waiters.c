/* SPDX-License-Identifier: MIT */
/* The queue of publishers without room: see waiters.h. */
#include "net/waiters.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Passes over the waiters of one round while they make progress, so that the rest is served too. */
#define PASSES_MAX 64

static void on_room(struct source *source)
{
    struct waiters *waiters = LINK_OWNER(source, struct waiters, source);
    eventfd_t ignored;
    (void)eventfd_read(waiters->hub_waiter.eventfd, &ignored);
    waiters->has_room = true;
}

int waiters_init(struct waiters *waiters, struct loop *loop)
{
    list_init(&waiters->order);
    for (unsigned i = 0; i < WAITER_CELLS; i++)
        list_init(&waiters->cells[i]);
    waiters->pass = 0;
    waiters->loop = loop;
    waiters->has_room = false;
    waiters->source.on_event = on_room;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    hub_waiter_add(loop->hub, &waiters->hub_waiter, fd);
    return loop_control(loop, EPOLL_CTL_ADD, fd, EPOLLIN, &waiters->source);
}

void waiters_deinit(struct waiters *waiters)
{
    if (!waiters->loop || waiters->hub_waiter.eventfd <= 0)
        return;
    hub_waiter_remove(waiters->loop->hub, &waiters->hub_waiter);
    close(waiters->hub_waiter.eventfd);
    waiters->hub_waiter.eventfd = -1;
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
    waiter->channel_hash = count ? frames[0]->channel_hash : 0;
    waiter->mixed = count == 0 || is_mixed(frames, count);
    waiter->refused_in = 0;
    list_add(&waiters->order, &waiter->order);
    if (!waiter->mixed)
        list_add(&waiters->cells[waiter->channel_hash & (WAITER_CELLS - 1)], &waiter->cell);
    net_count(&waiters->loop->stats.publishes_waiting);
    net_count(&waiters->loop->stats.publishes_waited);
}

void waiters_remove(struct waiters *waiters, struct waiter *waiter)
{
    if (!waiter_waits(waiter))
        return;
    list_remove(&waiter->order);
    list_remove(&waiter->cell);
    net_uncount(&waiters->loop->stats.publishes_waiting);
}

bool waiters_blocked(const struct waiters *waiters, const struct waiter *waiter)
{
    if (waiter->mixed)
        return false;
    const struct waiter *first = first_of(waiters, waiter->channel_hash);
    return first != waiter && first->refused_in == waiters->pass;
}

/* --- trying -------------------------------------------------------------------------------- */

static bool retry(struct waiter *waiter)
{
    struct connection *connection = waiter->connection;
    bool over = connection->operations->on_room(connection);
    connection_settle(connection);
    return over;
}

/* Tries all that wait now, in order, each once. True if one of them found room. */
static bool serve_once(struct waiters *waiters)
{
    struct link *last = waiters->order.previous;
    bool progress = false;
    waiters->pass++;
    for (struct link *link = waiters->order.next, *next; link != &waiters->order; link = next) {
        struct waiter *waiter = LINK_OWNER(link, struct waiter, order);
        bool is_last = link == last;
        next = link->next;
        if (!waiters_blocked(waiters, waiter)) {
            if (retry(waiter))
                progress = true;
            else
                waiter->refused_in = waiters->pass;
        }
        if (is_last)
            break;
    }
    return progress;
}

void waiters_arm(struct waiters *waiters)
{
    hub_waiter_arm(waiters->loop->hub, &waiters->hub_waiter);
}

/* Armed before they are tried, so that room that appears after a refusal is heard of. */
void waiters_serve(struct waiters *waiters)
{
    waiters->has_room = false;
    for (unsigned i = 0; i < PASSES_MAX; i++) {
        if (list_is_empty(&waiters->order))
            return;
        waiters_arm(waiters);
        if (!serve_once(waiters))
            return;
    }
    waiters->has_room = true; /* still going well: once more in the next round */
}
