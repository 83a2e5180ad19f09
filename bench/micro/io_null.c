/* SPDX-License-Identifier: MIT */
/* Takes everything and keeps nothing: see io_null.h. */
#include "bench/micro/io_null.h"

#include <errno.h>
#include "engine/base/clock.h"

static void null_close(struct io *io)
{
    free(io);
}

/* The made-up descriptor serves as the handle. */
static int null_add(struct io *io, int fd, uint32_t owner)
{
    (void)io, (void)owner;
    return fd;
}

static void null_remove(struct io *io, int handle)
{
    (void)io, (void)handle;
}

static void null_send(struct io *base, int handle, const char *bytes, uint32_t len, uint32_t tag)
{
    struct io_null *io = (struct io_null *)base;
    (void)handle, (void)bytes, (void)tag;
    io->sends++;
    io->bytes += len;
}

static int null_flush(struct io *io)
{
    (void)io;
    return 0;
}

static void null_await_writable(struct io *io, int handle)
{
    (void)io, (void)handle;
}

static int null_wait(struct io *io, int64_t timeout_ns)
{
    (void)io;
    CHECK(timeout_ns == 0); /* there is nothing to wait for */
    return 0;
}

static bool null_next(struct io *io, struct io_event *ret_event)
{
    (void)io, (void)ret_event;
    return false;
}

static int64_t null_now_ns(struct io *base)
{
    return clock_ns() + ((struct io_null *)base)->ahead_ns;
}

static void null_wake(struct io *io)
{
    (void)io;
}

static const struct io_operations null_operations = {
    .close = null_close,
    .add = null_add,
    .remove = null_remove,
    .send = null_send,
    .flush = null_flush,
    .await_writable = null_await_writable,
    .wait = null_wait,
    .next = null_next,
    .now_ns = null_now_ns,
    .wake = null_wake,
};

int io_null_open(struct io_null **ret_io)
{
    struct io_null *io = malloc(sizeof(*io));
    if (!io)
        return -ENOMEM;
    *io = (struct io_null){.io = {.operations = &null_operations}};
    *ret_io = io;
    return 0;
}
