/* SPDX-License-Identifier: MIT */
/* What the backends share: see io.h. */
#include "engine/io/io.h"

#include <sys/socket.h>

void io_discard_input(int fd)
{
    /* MSG_TRUNC drops TCP data in the kernel; bounded, since a peer may send for ever. */
    char sink[4096];
    for (int i = 0; i < 64; i++)
        if (recv(fd, sink, sizeof(sink), MSG_DONTWAIT | MSG_TRUNC) <= 0)
            return;
}
