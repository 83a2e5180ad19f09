/* SPDX-License-Identifier: MIT */
/* Opens a backend and sees whether it keeps what the engine relies on: see probe.h. */
#include "engine/io/probe.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sends 64 KiB to a peer that does not read, as often as it takes to see a whole, a short and a
 * refused send reported as this file expects. */
static int probe_sends(struct io *io, int handle, int peer)
{
    static const char bytes[65536];
    struct io_event event;
    io->operations->send(io, handle, bytes, 100, 7);
    int r = io->operations->flush(io);
    if (r < 0)
        return r;
    if (io->operations->next(io, &event))
        return -EPROTO; /* a whole send must be silent */
    char got[128];
    if (recv(peer, got, sizeof(got), MSG_DONTWAIT) != 100)
        return -EPROTO;
    bool was_refused = false;
    for (int i = 0; i < 1000 && !was_refused; i++) {
        io->operations->send(io, handle, bytes, sizeof(bytes), 8);
        r = io->operations->flush(io);
        if (r < 0)
            return r;
        if (!io->operations->next(io, &event))
            continue;
        if (event.kind != IO_SHORT || event.owner != 8 || event.result >= (int)sizeof(bytes))
            return -EPROTO;
        if (event.result < 0 && event.result != -EAGAIN)
            return event.result;
        was_refused = event.result == -EAGAIN;
    }
    return was_refused ? 0 : -EPROTO;
}

/* Before Linux 6.13 a socket removed from a ring's file table stayed open as long as any older
 * request on any other one lived, and our hang-up polls live for ever (axboe/liburing#1192). With
 * one socket polled, the peer of another that is removed must see its end at once. */
static int probe_removal(struct io *io, int handle, int peer)
{
    struct io_event event;
    char byte;
    io->operations->remove(io, handle);
    for (int i = 0; i < 10; i++) {
        int r = io->operations->wait(io, 1000000);
        if (r < 0)
            return r;
        while (io->operations->next(io, &event))
            ;
        if (recv(peer, &byte, 1, MSG_DONTWAIT) == 0)
            return 0;
    }
    return -EOPNOTSUPP;
}

int probe_io(int (*open)(uint32_t sockets, struct io **ret_io))
{
    int first[2], second[2], handle = -1, other = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, first) < 0)
        return -errno;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, second) < 0) {
        int r = -errno;
        close(first[0]);
        close(first[1]);
        return r;
    }
    struct io *io = NULL;
    int r = open(4, &io);
    if (r == 0)
        r = handle = io->operations->add(io, first[0], 0);
    if (r >= 0)
        r = other = io->operations->add(io, second[0], 1);
    if (r >= 0)
        r = probe_sends(io, handle, first[1]);
    if (r >= 0)
        r = probe_removal(io, other, second[1]);
    if (handle < 0)
        close(first[0]);
    if (other < 0)
        close(second[0]);
    close(first[1]);
    close(second[1]);
    if (io)
        io->operations->close(io);
    return r;
}
