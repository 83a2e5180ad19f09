/* SPDX-License-Identifier: MIT */
/* Connections to give away: see socket.h. */
#include "tests/library/socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/e2e/check.h"

/* By a listener that is there for this one alone; a unix one has a name that the kernel chose. */
static struct ends accepted(int family)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    struct ends ends;
    socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(sa_family_t);
    if (family == AF_INET)
        ((struct sockaddr_in *)(void *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listener, (struct sockaddr *)&address, len) == 0, "bind");
    len = sizeof(address);
    REQUIRE(getsockname(listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
    REQUIRE(listen(listener, 1) == 0, "listen");
    ends.clients = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(connect(ends.clients, (struct sockaddr *)&address, len) == 0, "connect");
    ends.ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    REQUIRE(ends.ours >= 0, "accept");
    close(listener);
    return ends;
}

struct ends socket_open(enum socket_kind kind)
{
    int pair[2];
    if (kind != SOCKET_PAIR)
        return accepted(kind == SOCKET_TCP ? AF_INET : AF_UNIX);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    return (struct ends){pair[0], pair[1]};
}

void socket_close(struct ends *ends)
{
    close(ends->ours);
    close(ends->clients);
}

const char *socket_kind_text(enum socket_kind kind)
{
    static const char *const texts[] = {"tcp", "unix", "socketpair"};
    return texts[kind];
}

void socket_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}
