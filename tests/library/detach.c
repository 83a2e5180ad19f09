/* SPDX-License-Identifier: MIT */
/* Sockets that are taken out of a framework's hands: whatever that still does with its number does
 * not reach the client, and who cannot be had stays as it was. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/stream.h"
#include "tests/library/engine.h"
#include "tests/library/socket.h"

static void publish(struct fanfare *fanfare, const char *data)
{
    EXPECT_INT(fanfare_publish(fanfare, "news", NULL, data, 1, FANFARE_FOREVER, NULL), 0);
}

static void detached(void)
{
    struct fanfare *fanfare = engine_silent(NULL);
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "news", .channel_len = 4};
    struct epoll_event event = {.events = EPOLLIN};
    struct stream stream;
    int set = epoll_create1(EPOLL_CLOEXEC);
    engine_start(fanfare, NULL);
    for (unsigned i = 0; i < SOCKET_KINDS; i++) {
        struct ends ends = socket_open((enum socket_kind)i);
        if (i == SOCKET_UNIX)
            fcntl(ends.ours, F_SETFL, O_NONBLOCK);
        if (i == SOCKET_PAIR)
            fcntl(ends.ours, F_SETFD, 0);
        int flags = fcntl(ends.ours, F_GETFL), status = fcntl(ends.ours, F_GETFD);
        EXPECT_INT(epoll_ctl(set, EPOLL_CTL_ADD, ends.ours, &event), 0);
        EXPECT_INT(epoll_ctl(set, EPOLL_CTL_DEL, ends.ours, NULL), 0);
        int fd = fanfare_detach(ends.ours);
        REQUIRE(fd >= 0 && fd != ends.ours, "%d", fd);
        EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
        EXPECT_INT(fcntl(ends.ours, F_GETFL), flags);
        EXPECT_INT(fcntl(ends.ours, F_GETFD), status);
        EXPECT_INT(fanfare_adopt(fanfare, fd, &subscription, NULL), 0);
        /* What the framework still does. */
        char byte;
        EXPECT_INT(recv(ends.ours, &byte, 1, 0), 0);
        EXPECT_INT(send(ends.ours, "x", 1, MSG_NOSIGNAL), -1);
        EXPECT_INT(errno, EPIPE);
        shutdown(ends.ours, SHUT_RDWR);
        close(ends.ours);
        EXPECT_INT(epoll_wait(set, &event, 1, 0), 0);
        stream_init(&stream, ends.clients, NULL, NULL);
        stream_await_id(&stream);
        publish(fanfare, "x");
        stream_expect(&stream, "message", "x", NULL);
        EXPECT_INT(epoll_wait(set, &event, 1, 0), 0);
        stream_close(&stream);
    }
    close(set);
    engine_end(fanfare);
}

static struct fanfare *given_to;

/* A thread that was cancelled before: it ends at the next place where it may, and what has become
 * the engine's, or another number, would be told to nobody. */
static void *give_cancelled(void *context)
{
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "news", .channel_len = 4};
    struct ends *ends = context;
    pthread_cancel(pthread_self());
    int fd = fanfare_detach(ends->ours);
    return fd >= 0 && fanfare_adopt(given_to, fd, &subscription, NULL) == 0 ? context : NULL;
}

static void by_a_cancelled_thread(void)
{
    given_to = engine_silent(NULL);
    engine_start(given_to, NULL);
    for (unsigned i = 0; i < SOCKET_KINDS; i++) {
        struct ends ends = socket_open((enum socket_kind)i);
        struct stream stream;
        pthread_t thread;
        void *result;
        REQUIRE(!pthread_create(&thread, NULL, give_cancelled, &ends), "no thread");
        pthread_join(thread, &result);
        REQUIRE(result == &ends, "it ended in a call");
        stream_init(&stream, ends.clients, NULL, NULL);
        stream_await_id(&stream);
        stream_close(&stream);
        close(ends.ours);
    }
    engine_end(given_to);
}

static void not_detached(void)
{
    struct ends ends = socket_open(SOCKET_TCP);
    struct rlimit limit, none;
    int pipes[2];
    REQUIRE(pipe2(pipes, O_CLOEXEC) == 0, "pipe");
    EXPECT_INT(fanfare_detach(-1), -EBADF);
    EXPECT_INT(fanfare_detach(pipes[0]), -ENOTSOCK);
    getrlimit(RLIMIT_NOFILE, &limit);
    /* With no descriptor left, and with two, which the pair takes. */
    for (unsigned left = 0; left < 3; left++) {
        none = limit;
        none.rlim_cur = (rlim_t)pipes[1] + 1 + left;
        setrlimit(RLIMIT_NOFILE, &none);
        int r = fanfare_detach(ends.ours);
        setrlimit(RLIMIT_NOFILE, &limit);
        if (left < 2)
            EXPECT_INT(r, -EMFILE);
        else
            EXPECT(r > pipes[1], "%d: the pair's other end is closed by then", r);
        if (r >= 0)
            close(r);
        char byte;
        EXPECT_INT(send(ends.ours, "x", 1, MSG_NOSIGNAL), left < 2 ? 1 : -1);
        EXPECT_INT(recv(ends.clients, &byte, 1, 0), left < 2);
    }
    close(pipes[0]), close(pipes[1]);
    socket_close(&ends);
}

int main(int argc, char **argv)
{
    /* What whoever started it has left open would stand where numbers are counted. */
    (void)close_range(3, ~0u, 0);
    check_begin(argc, argv);
    check_case("detached", detached);
    check_case("by_a_cancelled_thread", by_a_cancelled_thread);
    check_case("not_detached", not_detached);
    return check_end();
}
