/* SPDX-License-Identifier: MIT */
/*
 * Waiters: a program with an event loop publishes, and its loop hears when there is room.
 *
 * A call that finds no room arms the waiter and tries once more itself, so that room that appears
 * in between is not missed. The next call takes that back first: it disarms, and only then empties
 * the descriptor, which nobody adds to any more. One thread at a time; the hub writes to the
 * descriptor from any.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include "engine/base/wake.h"
#include "lib/instance.h"
#include "lib/publish.h"

struct fanfare_waiter {
    struct fanfare *fanfare;
    struct hub_waiter waiter;
    bool refused; /* the last call was, so that it may be armed, or told */
};

int fanfare_waiter_new(struct fanfare *fanfare, struct fanfare_waiter **ret_waiter)
{
    int r = instance_running(fanfare);
    if (r < 0)
        return r;
    if (!ret_waiter)
        return -EINVAL;
    struct fanfare_waiter *waiter = calloc(1, sizeof(*waiter));
    if (!waiter)
        return -ENOMEM;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        r = -errno;
        free(waiter);
        return r;
    }
    waiter->fanfare = fanfare;
    hub_waiter_add(fanfare->hub, &waiter->waiter, fd);
    *ret_waiter = waiter;
    return 0;
}

int fanfare_waiter_fd(const struct fanfare_waiter *waiter)
{
    return waiter ? waiter->waiter.eventfd : -EINVAL;
}

static void take_back(struct fanfare_waiter *waiter)
{
    hub_waiter_disarm(waiter->fanfare->hub, &waiter->waiter);
    wake_take(waiter->waiter.eventfd);
    waiter->refused = false;
}

int fanfare_waiter_publish(struct fanfare_waiter *waiter, const struct fanfare_event *events,
                           unsigned count, uint64_t *ret_first)
{
    if (!waiter)
        return -EINVAL;
    int r = instance_running(waiter->fanfare);
    if (r == -ECHILD)
        return r;
    if (waiter->refused)
        take_back(waiter);
    if (r == 0)
        r = publish_try(waiter->fanfare->hub, events, count, ret_first);
    if (r != -EAGAIN)
        return r;
    hub_waiter_arm(waiter->fanfare->hub, &waiter->waiter);
    waiter->refused = true;
    r = publish_try(waiter->fanfare->hub, events, count, ret_first);
    if (r != -EAGAIN)
        take_back(waiter);
    return r;
}

void fanfare_waiter_free(struct fanfare_waiter *waiter)
{
    if (!waiter)
        return;
    if (instance_check(waiter->fanfare) == 0) /* in a child nobody knows who held the lock */
        hub_waiter_remove(waiter->fanfare->hub, &waiter->waiter);
    descriptor_close(waiter->waiter.eventfd);
    free(waiter);
}
