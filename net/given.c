/* SPDX-License-Identifier: MIT */
/* Looks at sockets that are there already: see given.h. */
#include "net/given.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool given_is(const char *address)
{
    return strncmp(address, "fd:", 3) == 0;
}

int given_look(const char *address, int *ret_fd, struct sockaddr_storage *ret_bound)
{
    char *end;
    unsigned long number = strtoul(address + 3, &end, 10);
    socklen_t len = sizeof(*ret_bound);
    int type = 0, listens = 0;
    socklen_t type_len = sizeof(type), listens_len = sizeof(listens);
    if (address[3] < '0' || address[3] > '9' || *end != '\0' || number > INT32_MAX)
        return -EINVAL;
    int fd = (int)number;
    *ret_bound = (struct sockaddr_storage){0};
    if (getsockname(fd, (struct sockaddr *)ret_bound, &len) ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len))
        return -errno;
    if (ret_fd)
        *ret_fd = fd;
    if (type != SOCK_STREAM)
        return -EPROTOTYPE;
    return listens ? 0 : -ENOTCONN;
}

static const char *advice(int r)
{
    switch (-r) {
    case EINVAL:
        return "the number of a descriptor stands behind fd:";
    case EBADF:
        return "no such descriptor is open";
    case ENOTSOCK:
        return "it is no socket";
    case EPROTOTYPE:
        return "it is no stream socket";
    case ENOTCONN:
        return "it does not listen; call listen(2) on it before";
    default:
        return strerror(-r);
    }
}

int given_open(const char *address, int *ret_fd, struct sockaddr_storage *ret_bound, char *error,
               size_t error_size)
{
    int given = -1, fd = -1;
    int r = given_look(address, &given, ret_bound);
    if (!r && (fd = fcntl(given, F_DUPFD_CLOEXEC, 3)) < 0)
        r = -errno;
    int flags = r ? 0 : fcntl(fd, F_GETFL);
    if (!r && (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))) {
        r = -errno;
        close(fd);
    }
    if (r)
        snprintf(error, error_size, "cannot listen on %s: %s", address, advice(r));
    else
        *ret_fd = fd;
    return r;
}

struct linger given_linger(int fd)
{
    struct linger linger = {0};
    socklen_t len = sizeof(linger);
    if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) || !linger.l_onoff)
        return (struct linger){0};
    return linger;
}

void given_set_linger(int fd, struct linger linger)
{
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void given_close(int fd)
{
    given_set_linger(fd, (struct linger){0});
    close(fd);
}
