/* SPDX-License-Identifier: MIT */
/*
 * The I/O seam: everything a worker asks of the kernel. The worker is the same code on each
 * backend.
 *
 * The send contract, the same for all of them: a send never blocks and never parks. io_send queues
 * it; io_flush gives everything queued to the kernel and returns only when each one is done, so the
 * bytes may be reused after it. A send that was taken whole reports nothing; any other one reports
 * IO_SHORT with the bytes taken or a negative errno (-EAGAIN: full). Never two sends of one socket
 * in one flush, and none to a socket known to be full except to try.
 *
 * Sockets are handles that the backend gives out in io_add; `owner` comes back with each event of
 * the socket. After io_remove no event of that owner is reported any more.
 *
 * Whoever ends or closes a backend has removed its sockets before. All functions belong to the
 * worker's thread except io_wake, which any thread may call that found the worker asleep, however
 * long ago: so the worker's thread only ends its backend, and who frees the hub closes it.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct io;

enum io_event_kind {
    IO_SHORT,    /* `owner` is the tag of the send, `result` the bytes taken or a negative errno */
    IO_WRITABLE, /* may come without cause: try and see */
    IO_ENDED,  /* the peer sends no more: it has left, or has only ended its side and reads on. May
                    come again, and stands for IO_WRITABLE too */
    IO_HANGUP, /* the socket is broken, or closed on both sides */
};

struct io_event {
    enum io_event_kind kind;
    uint32_t owner;
    int32_t result;
};

struct io_operations {
    /* Gives everything back but what `wake` needs, which may go on being called until close. Only
     * where a thread has the backend. */
    void (*end)(struct io *io);
    void (*close)(struct io *io); /* any thread, after `end` or without it */
    /* Consumes fd when it returns a handle (>= 0); else a negative errno, -ENOSPC if full. */
    int (*add)(struct io *io, int fd, uint32_t owner);
    /* Reads and drops what the peer sent (else closing would reset the connection and drop what was
     * queued), then closes. */
    void (*remove)(struct io *io, int handle);
    void (*send)(struct io *io, int handle, const char *bytes, uint32_t len, uint32_t tag);
    /* 0, or a negative errno: the backend has failed, for good. Then sends go nowhere, nothing can
     * be added, no event comes, and flush and wait say so again each time; but handles can still be
     * removed, wake wakes, and a wait waits for that and for the time. */
    int (*flush)(struct io *io);
    /* Asks for one IO_WRITABLE; once asked, asking again does nothing until it came. */
    void (*await_writable)(struct io *io, int handle);
    /* Waits for an event, a wake, or the time to pass (-1: for ever, 0: only looks). As flush. */
    int (*wait)(struct io *io, int64_t timeout_ns);
    bool (*next)(struct io *io, struct io_event *ret_event);
    int64_t (*now_ns)(struct io *io);
    void (*wake)(struct io *io); /* any thread */
};

/* First member of every backend. */
struct io {
    const struct io_operations *operations;
};

/* `now_ns` of the real ones: the monotonic clock. */
int64_t io_clock_ns(struct io *io);
/* What a backend that has failed waits with: for its eventfd, which it resets, or the time. */
void io_wait_for_wake(int wake_fd, int64_t timeout_ns);
/* Reads and drops what has arrived on an open descriptor, without blocking. */
void io_discard_input(int fd);
