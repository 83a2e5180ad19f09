/* SPDX-License-Identifier: MIT */
/*
 * A connection of the program's becomes a subscriber: fanfare_adopt, and fanfare_detach, which
 * takes one out of a framework. Any thread, which may be cancelled: no place here is one where that
 * happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "engine/base/wake.h"
#include "lib/instance.h"
#include "lib/subscription.h"

int fanfare_adopt(struct fanfare *fanfare, int fd, const struct fanfare_subscription *subscription,
                  uint64_t *ret_subscriber)
{
    struct subscription read;
    int r = instance_running(fanfare);
    if (r == 0)
        r = subscription_read(subscription, &read);
    if (r < 0)
        return r;
    r = server_adopt(fanfare->server, fd, &read.adoption, ret_subscriber, NULL);
    subscription_deinit(&read, r == 0);
    return subscription_result(r);
}

/* One end of a connection whose other end is closed, as the descriptor is now. */
static int open_stand_in(int fd)
{
    int ends[2];
    int flags = fcntl(fd, F_GETFL) & O_NONBLOCK ? SOCK_NONBLOCK : 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends))
        return -errno;
    descriptor_close(ends[1]);
    return ends[0];
}

int fanfare_detach(int fd)
{
    int type;
    socklen_t len = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
        return -errno;
    int stand_in = open_stand_in(fd);
    if (stand_in < 0)
        return stand_in;
    int r = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (r < 0)
        r = -errno;
    else if (dup3(stand_in, fd, fcntl(fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0) < 0) {
        int error = errno;
        descriptor_close(r); /* which leaves everything as it was */
        r = -error;
    }
    descriptor_close(stand_in);
    return r;
}
