/* SPDX-License-Identifier: MIT */
/* What the backends share: see io.h. */
#include "engine/io/io.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"

int64_t io_clock_ns(struct io *io)
{
    (void)io;
    return clock_ns();
}

void io_wait_for_wake(int wake_fd, int64_t timeout_ns)
{
    struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
    int64_t timeout_ms = timeout_ns < 0 ? -1 : (timeout_ns + 999999) / 1000000;
    uint64_t count;
    if (poll(&wake, 1, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms) > 0 &&
        read(wake_fd, &count, sizeof(count)) < 0)
        return; /* somebody's wake was reset already */
}

void io_discard_input(int fd)
{
    /* MSG_TRUNC drops TCP data in the kernel; bounded, since a peer may send for ever. */
    char sink[4096];
    for (int i = 0; i < 64; i++)
        if (recv(fd, sink, sizeof(sink), MSG_DONTWAIT | MSG_TRUNC) <= 0)
            return;
}
