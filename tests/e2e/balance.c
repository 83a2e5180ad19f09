/* SPDX-License-Identifier: MIT */
/* Descriptors, memory and sockets of a server, read from /proc; see balance.h. */
#include "tests/e2e/balance.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"

/* --- a network of its own ------------------------------------------------------------------ */

static bool file_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t written = write(fd, text, strlen(text));
    close(fd);
    return written == (ssize_t)strlen(text);
}

/* Who is not root may be it in a user namespace, and stays the same user there. */
static bool become_root(void)
{
    char uids[64], gids[64];
    snprintf(uids, sizeof(uids), "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
    snprintf(gids, sizeof(gids), "%u %u 1", (unsigned)getegid(), (unsigned)getegid());
    return unshare(CLONE_NEWUSER) == 0 && file_write("/proc/self/setgroups", "deny") &&
           file_write("/proc/self/uid_map", uids) && file_write("/proc/self/gid_map", gids);
}

/* Loopback is down in a new network, and has its addresses once it is up. */
static bool network_new(void)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) != 0 && !(become_root() && unshare(CLONE_NEWNET) == 0))
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = ioctl(fd, SIOCSIFFLAGS, &loopback);
    close(fd);
    return r == 0;
}

bool balance_isolate(void)
{
    /* Tried by a child: half of it, a network without loopback, cannot be undone. */
    pid_t child = fork();
    int status = 0;
    REQUIRE(child >= 0, "fork: %s", strerror(errno));
    if (child == 0)
        _exit(network_new() ? 0 : 1);
    REQUIRE(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && network_new();
}

/* --- what is there ------------------------------------------------------------------------- */

static unsigned descriptors_count(const struct server *server)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)server->pid);
    return check_entries(path);
}

/* By the local port: the clients' ends have it as the other one. */
static void states_count(const struct server *server, unsigned states[TCP_STATES])
{
    char line[256];
    unsigned port, state;
    FILE *file = fopen("/proc/net/tcp", "re");
    REQUIRE(file, "/proc/net/tcp: %s", strerror(errno));
    memset(states, 0, TCP_STATES * sizeof(states[0]));
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, " %*d: %*x:%x %*x:%*x %x", &port, &state) == 2 && port == server->port &&
            state < TCP_STATES)
            states[state]++;
    fclose(file);
}

static void sockets_count(struct balance *balance)
{
    char line[256];
    FILE *file = fopen("/proc/net/sockstat", "re");
    REQUIRE(file, "/proc/net/sockstat: %s", strerror(errno));
    balance->used = balance->inuse = -1;
    while (fgets(line, sizeof(line), file)) {
        sscanf(line, "sockets: used %ld", &balance->used);
        sscanf(line, "TCP: inuse %ld orphan %*d tw %ld alloc %ld", &balance->inuse,
               &balance->time_wait, &balance->alloc);
    }
    fclose(file);
    REQUIRE(balance->used >= 0 && balance->inuse >= 0, "no counts in /proc/net/sockstat");
}

static unsigned states_open(const unsigned states[TCP_STATES])
{
    unsigned count = 0;
    for (unsigned state = 0; state < TCP_STATES; state++)
        if (state != TCP_STATE_LISTEN && state != TCP_STATE_TIME_WAIT)
            count += states[state];
    return count;
}

void balance_settle(const struct server *server)
{
    unsigned states[TCP_STATES];
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    server_await(server, "subscribers", false, 0);
    server_await(server, "channels", false, 0);
    for (states_count(server, states); states_open(states); states_count(server, states)) {
        REQUIRE(check_now_ms() < deadline,
                "%u sockets are left at the server's port, %u of them "
                "in CLOSE_WAIT",
                states_open(states), states[TCP_STATE_CLOSE_WAIT]);
        poll(NULL, 0, 5);
    }
}

void balance_take(const struct server *server, struct balance *ret_balance)
{
    balance_settle(server);
    ret_balance->memory_bytes = server_stat(server, "memory_bytes");
    /* That was a connection, which is not to be counted. */
    balance_settle(server);
    ret_balance->descriptors = descriptors_count(server);
    ret_balance->resident_bytes = server_memory(server);
    states_count(server, ret_balance->states);
    sockets_count(ret_balance);
}

void balance_expect(const struct server *server, const struct balance *before, long slack,
                    long resident_more, struct balance *ret_after)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    /* The last close is seen by its peer before the server has returned from it. */
    for (balance_take(server, ret_after);
         check_now_ms() < deadline &&
         (ret_after->descriptors > before->descriptors || ret_after->used > before->used + slack ||
          ret_after->inuse > before->inuse + slack);
         balance_take(server, ret_after))
        poll(NULL, 0, 5);
    EXPECT_INT(ret_after->descriptors, before->descriptors);
    EXPECT_INT(ret_after->memory_bytes, before->memory_bytes);
    EXPECT_INT(ret_after->states[TCP_STATE_CLOSE_WAIT], 0);
    EXPECT_INT(ret_after->states[TCP_STATE_LISTEN], before->states[TCP_STATE_LISTEN]);
    EXPECT(ret_after->used <= before->used + slack, "%ld sockets, %ld before", ret_after->used,
           before->used);
    EXPECT(ret_after->inuse <= before->inuse + slack, "%ld TCP sockets in use, %ld before",
           ret_after->inuse, before->inuse);
    if (!CHECK_SANITIZED)
        EXPECT(ret_after->resident_bytes <= before->resident_bytes + resident_more,
               "%ld bytes of resident memory, %ld before", ret_after->resident_bytes,
               before->resident_bytes);
}
