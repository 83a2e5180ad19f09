/* SPDX-License-Identifier: MIT */
/*
 * Which variant of io_uring the server takes is what this kernel calls for.
 *
 * Before Linux 6.13 a socket that left a ring's file table stayed open as long as any older request
 * lived. Whether this kernel is such a one is found out here by a ring of the test's own, not by
 * the probe and not by its version; then the line the server starts with has to agree, and
 * subscribers that leave have to see their end while older ones stay. Both answers are right in
 * one place only: ./dev test kernel runs this on a kernel that keeps sockets.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define STAYING 20u
#define LEAVING 100u

static struct server server;

/* --- what the kernel does ------------------------------------------------------------------ */

static void put(struct io_uring *ring, unsigned slot, int fd)
{
    int r = io_uring_register_files_update(ring, slot, &fd, 1);
    REQUIRE(r == 1, "io_uring_register_files_update: %d", r);
}

static void turn(struct io_uring *ring)
{
    struct __kernel_timespec timeout = {.tv_nsec = 1000000};
    struct io_uring_cqe *cqe;
    io_uring_submit_and_wait_timeout(ring, &cqe, 1, &timeout, NULL);
    while (io_uring_peek_cqe(ring, &cqe) == 0)
        io_uring_cqe_seen(ring, cqe);
}

/* One socket is polled, another leaves the table: does its peer see the end? */
static bool kernel_keeps_sockets(void)
{
    struct io_uring_params parameters = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                                  IORING_SETUP_DEFER_TASKRUN};
    struct io_uring ring;
    int stays[2], leaves[2];
    char byte;
    ssize_t got = -1;

    int r = io_uring_queue_init_params(8, &ring, &parameters);
    REQUIRE(r == 0, "io_uring_queue_init_params: %s", strerror(-r));
    r = io_uring_register_files_sparse(&ring, 2);
    REQUIRE(r == 0, "io_uring_register_files_sparse: %s", strerror(-r));
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stays) == 0 &&
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, leaves) == 0,
            "socketpair: %s", strerror(errno));
    put(&ring, 0, stays[0]);
    put(&ring, 1, leaves[0]);
    close(stays[0]);
    close(leaves[0]);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    io_uring_prep_poll_multishot(sqe, 0, POLLRDHUP);
    sqe->flags |= IOSQE_FIXED_FILE;
    turn(&ring);
    put(&ring, 1, -1);
    for (int i = 0; i < 100 && got != 0; i++) {
        turn(&ring);
        got = recv(leaves[1], &byte, 1, MSG_DONTWAIT);
    }
    io_uring_queue_exit(&ring);
    close(stays[1]);
    close(leaves[1]);
    return got != 0;
}

/* --- what the server does ------------------------------------------------------------------ */

/* Who has had its one event is let go of, at once and in order, with those who stay polled all the
 * while; who stays misses nothing. */
static void expect_leaving(void)
{
    static struct stream staying[STAYING], leaving[LEAVING];
    struct client client;

    for (unsigned i = 0; i < STAYING; i++) {
        stream_open(&staying[i], &server, "/events/x", NULL);
        stream_await_id(&staying[i]);
    }
    for (unsigned i = 0; i < LEAVING; i++) {
        stream_open(&leaving[i], &server, "/events/x?limit=1", "Connection: close\r\n");
        stream_await_id(&leaving[i]);
    }
    client_open(&client, &server);
    publish(&client, "x", "the last of some", NULL);
    for (unsigned i = 0; i < LEAVING; i++) {
        stream_expect(&leaving[i], "message", "the last of some", NULL);
        stream_expect_end(&leaving[i]);
        while (stream_take(&leaving[i], 4096)) {
            struct pollfd ready = {.fd = leaving[i].fd, .events = POLLIN};
            REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "stream %u ended, its connection did not",
                    i);
        }
        stream_close(&leaving[i]);
    }
    publish(&client, "x", "for the rest", NULL);
    for (unsigned i = 0; i < STAYING; i++) {
        stream_expect(&staying[i], "message", "the last of some", NULL);
        stream_expect(&staying[i], "message", "for the rest", NULL);
        stream_close(&staying[i]);
    }
    client_close(&client);
    server_await(&server, "subscribers", false, 0);
}

static void expect_variant(const char *io, const char *wanted)
{
    struct launch launch = {.io = io};
    char line[256];

    server_start_as(&server, &launch, SERVER_OPTIONS("--workers", "2"));
    server_read_io_line(&server, line);
    printf("   --io %s: %s\n", io, line);
    EXPECT(strncmp(line, wanted, strlen(wanted)) == 0, "\"%s\", wanted \"%s...\"", line, wanted);
    expect_leaving();
    server_stop(&server);
}

static void case_variant(void)
{
    bool keeps = kernel_keeps_sockets();
    const char *best = keeps ? "io: io_uring (compat: this kernel keeps registered sockets open), "
                             : "io: io_uring, ";

    printf("   this kernel %s\n",
           keeps ? "keeps sockets that left a ring's table" : "closes what leaves a ring's table");
    expect_variant("auto", best);
    expect_variant("uring", best);
    expect_variant("uring-compat", "io: io_uring (compat: asked for), ");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("variant", case_variant);
    return check_end();
}
