/* SPDX-License-Identifier: MIT */
/*
 * The epoll backend: sends go out at once, their exceptions are kept until asked for. A handle is
 * the descriptor. Each socket is registered once, edge-triggered, for hang-up and writability:
 * after a short or refused send the kernel reports the next free space by itself.
 */
#include "engine/io/io_epoll.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/wake.h"
#include "engine/limits.h"

#define EVENTS_PER_WAIT 256

/* By descriptor: stale events of a closed one are told apart by `generation`. */
struct epoll_socket {
    uint32_t owner;
    uint32_t generation;
};

struct short_send {
    uint32_t tag;
    int32_t result;
};

struct io_epoll {
    struct io io;
    int epoll_fd;
    int wake_fd;
    int failed; /* the negative errno since which the set is of no use; 0: it works */
    struct epoll_socket *sockets;
    uint32_t sockets_size; /* by descriptor, grows */
    uint32_t socket_count, socket_max;
    struct short_send shorts[SEND_BATCH];
    uint32_t short_count, short_next;
    struct epoll_event events[EVENTS_PER_WAIT];
    uint32_t event_count, event_next;
};

#define WAKE_DATA UINT64_MAX

static void epoll_end(struct io *base)
{
    struct io_epoll *io = (struct io_epoll *)base;
    if (io->epoll_fd >= 0)
        close(io->epoll_fd);
    io->epoll_fd = -1;
    free(TAKE(io->sockets));
}

static void epoll_close_io(struct io *base)
{
    struct io_epoll *io = (struct io_epoll *)base;
    epoll_end(base);
    if (io->wake_fd >= 0)
        close(io->wake_fd);
    free(io);
}

static int socket_table_reach(struct io_epoll *io, uint32_t fd)
{
    if (fd < io->sockets_size)
        return 0;
    uint32_t size = io->sockets_size ? io->sockets_size : 64;
    while (size <= fd)
        size *= 2;
    struct epoll_socket *sockets = realloc(io->sockets, size * sizeof(*sockets));
    if (!sockets)
        return -ENOMEM;
    memset(sockets + io->sockets_size, 0, (size - io->sockets_size) * sizeof(*sockets));
    io->sockets = sockets;
    io->sockets_size = size;
    return 0;
}

static int epoll_add(struct io *base, int fd, uint32_t owner)
{
    struct io_epoll *io = (struct io_epoll *)base;
    if (io->failed)
        return io->failed;
    if (io->socket_count == io->socket_max)
        return -ENOSPC;
    int r = socket_table_reach(io, (uint32_t)fd);
    if (r < 0)
        return r;
    struct epoll_socket *socket = &io->sockets[fd];
    socket->owner = owner;
    socket->generation++;
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLOUT | EPOLLET,
                                .data.u64 = (uint64_t)socket->generation << 32 | (uint32_t)fd};
    if (epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    io->socket_count++;
    return fd;
}

static void epoll_remove(struct io *base, int handle)
{
    struct io_epoll *io = (struct io_epoll *)base;
    io->sockets[handle].generation++;
    io->socket_count--;
    io_discard_input(handle);
    /* To close it does that only where nobody else has a copy, as whoever handed it over may. */
    (void)epoll_ctl(io->epoll_fd, EPOLL_CTL_DEL, handle, NULL);
    close(handle);
}

static void epoll_send(struct io *base, int handle, const char *bytes, uint32_t len, uint32_t tag)
{
    struct io_epoll *io = (struct io_epoll *)base;
    if (io->failed)
        return; /* as io.h says: or its result would be told to nobody who knows the tag */
    ssize_t sent = send(handle, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == (ssize_t)len)
        return;
    CHECK(io->short_count < SEND_BATCH);
    io->shorts[io->short_count++] =
        (struct short_send){.tag = tag, .result = sent < 0 ? -errno : (int32_t)sent};
}

static int epoll_flush(struct io *base)
{
    return ((struct io_epoll *)base)->failed;
}

static void epoll_await_writable(struct io *base, int handle)
{
    (void)base, (void)handle; /* edge-triggered since epoll_add */
}

static int epoll_wait_io(struct io *base, int64_t timeout_ns)
{
    struct io_epoll *io = (struct io_epoll *)base;
    CHECK(io->event_next == io->event_count);
    if (io->failed) {
        io_wait_for_wake(io->wake_fd, timeout_ns);
        return io->failed;
    }
    /* Rounded up: waking early would only turn once for nothing. */
    int64_t timeout_ms = timeout_ns < 0 ? -1 : (timeout_ns + 999999) / 1000000;
    int count = epoll_wait(io->epoll_fd, io->events, EVENTS_PER_WAIT,
                           timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
    io->event_next = 0;
    io->event_count = count > 0 ? (uint32_t)count : 0;
    if (count < 0 && errno != EINTR)
        io->failed = -errno;
    return io->failed;
}

static bool translate(struct io_epoll *io, const struct epoll_event *event,
                      struct io_event *ret_event)
{
    if (event->data.u64 == WAKE_DATA) {
        uint64_t count;
        ssize_t got = read(io->wake_fd, &count, sizeof(count));
        (void)got; /* non-blocking: only resets it */
        return false;
    }
    const struct epoll_socket *socket = &io->sockets[(uint32_t)event->data.u64];
    if (socket->generation != event->data.u64 >> 32)
        return false; /* closed since the wait */
    enum io_event_kind kind = event->events & (EPOLLHUP | EPOLLERR) ? IO_HANGUP
                              : event->events & EPOLLRDHUP          ? IO_ENDED
                                                                    : IO_WRITABLE;
    *ret_event = (struct io_event){.kind = kind, .owner = socket->owner};
    return true;
}

static bool epoll_next(struct io *base, struct io_event *ret_event)
{
    struct io_epoll *io = (struct io_epoll *)base;
    if (io->short_next < io->short_count) {
        struct short_send *next = &io->shorts[io->short_next++];
        *ret_event =
            (struct io_event){.kind = IO_SHORT, .owner = next->tag, .result = next->result};
        if (io->short_next == io->short_count)
            io->short_next = io->short_count = 0;
        return true;
    }
    while (io->event_next < io->event_count)
        if (translate(io, &io->events[io->event_next++], ret_event))
            return true;
    return false;
}

static void epoll_wake(struct io *base)
{
    wake_add(((struct io_epoll *)base)->wake_fd);
}

static const struct io_operations epoll_operations = {
    .end = epoll_end,
    .close = epoll_close_io,
    .add = epoll_add,
    .remove = epoll_remove,
    .send = epoll_send,
    .flush = epoll_flush,
    .await_writable = epoll_await_writable,
    .wait = epoll_wait_io,
    .next = epoll_next,
    .now_ns = io_clock_ns,
    .wake = epoll_wake,
};

int io_epoll_open(uint32_t sockets, struct io **ret_io)
{
    struct io_epoll *io = calloc(1, sizeof(*io));
    if (!io)
        return -ENOMEM;
    io->io.operations = &epoll_operations;
    io->socket_max = sockets;
    io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKE_DATA};
    if (io->epoll_fd < 0 || io->wake_fd < 0 ||
        epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, io->wake_fd, &event) < 0) {
        int r = -errno;
        epoll_close_io(&io->io);
        return r;
    }
    *ret_io = &io->io;
    return 0;
}
