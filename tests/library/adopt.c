/* SPDX-License-Identifier: MIT */
/*
 * Connections that a program gives to its engine: of each kind, with each wish, in whatever state
 * they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/stream.h"
#include "tests/library/engine.h"
#include "tests/library/socket.h"

static const char *const on[] = {"notes", "on", NULL};

static struct fanfare_subscription news(void)
{
    return (struct fanfare_subscription){
        .size = sizeof(struct fanfare_subscription), .channel = "news", .channel_len = 4};
}

static void publish(struct fanfare *fanfare, const char *channel, const char *data)
{
    EXPECT_INT(fanfare_publish(fanfare, channel, NULL, data, strlen(data), FANFARE_FOREVER, NULL),
               0);
}

/* Gives the engine a connection, whose other end the stream reads. */
static uint64_t adopt(struct fanfare *fanfare, enum socket_kind kind,
                      const struct fanfare_subscription *subscription, struct stream *ret_stream)
{
    struct ends ends = socket_open(kind);
    uint64_t subscriber = 0;
    int r = fanfare_adopt(fanfare, ends.ours, subscription, &subscriber);
    REQUIRE(r == 0, "%s: %d: %s", socket_kind_text(kind), r, fanfare_strerror(r));
    EXPECT(subscriber > 0 && subscriber < UINT64_C(1) << 53, "%llx",
           (unsigned long long)subscriber);
    stream_init(ret_stream, ends.clients, NULL, NULL);
    static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char plain[] = "HTTP/1.0 200 OK\r\n\r\n";
    if (subscription->flags & FANFARE_HEAD_SENT)
        stream_parse(ret_stream, subscription->flags & FANFARE_PLAIN ? plain : chunked,
                     subscription->flags & FANFARE_PLAIN ? sizeof(plain) - 1 : sizeof(chunked) - 1);
    return subscriber;
}

static struct fanfare_note next(struct fanfare *fanfare, int kind, uint64_t subscriber)
{
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, kind);
    EXPECT_INT(note.subscriber, subscriber);
    return note;
}

/* --- what it gets ---------------------------------------------------------------------------- */

static void each_kind(void)
{
    struct fanfare *fanfare = engine_silent(on);
    engine_start(fanfare, NULL);
    for (unsigned i = 0; i < SOCKET_KINDS * 4; i++) {
        struct fanfare_subscription subscription = news();
        struct stream stream;
        char peer[32] = "";
        subscription.flags = i & (FANFARE_HEAD_SENT | FANFARE_PLAIN);
        subscription.tag = 1000 + i;
        subscription.head = "X-Own: yes\r\n";
        subscription.head_len = FANFARE_NUL;
        enum socket_kind kind = (enum socket_kind)(i / 4);
        uint64_t subscriber = adopt(fanfare, kind, &subscription, &stream);
        EXPECT_INT(next(fanfare, FANFARE_NOTE_JOINED, subscriber).tag, 1000 + i);
        fanfare_subscriber_text(fanfare, subscriber, "peer", peer, sizeof(peer));
        EXPECT_TEXT(peer, kind == SOCKET_TCP ? "127.0.0.1" : "unix");
        stream_await_id(&stream);
        publish(fanfare, "news", "hello");
        stream_expect(&stream, "message", "hello", NULL);
        EXPECT_INT(stream.status, 200);
        const char *own = stream_field(&stream, "X-Own");
        if (!(subscription.flags & FANFARE_HEAD_SENT))
            EXPECT_TEXT(own ? own : "", "yes");
        EXPECT_INT(stream.chunked, !(subscription.flags & FANFARE_PLAIN));
        stream_close(&stream);
        next(fanfare, FANFARE_NOTE_LEFT, subscriber);
    }
    engine_end(fanfare);
}

static void channels(void)
{
    static const char *const more[] = {"a", "news", "b\xc3\xa4", "a"};
    struct fanfare *fanfare = engine_silent(on);
    struct fanfare_subscription subscription = news();
    struct stream stream;
    char text[64] = "";
    engine_start(fanfare, NULL);
    subscription.channels = more;
    subscription.channel_count = 4;
    uint64_t subscriber = adopt(fanfare, SOCKET_TCP, &subscription, &stream);
    next(fanfare, FANFARE_NOTE_JOINED, subscriber);
    fanfare_subscriber_text(fanfare, subscriber, "channels", text, sizeof(text));
    EXPECT_TEXT(text, "a\nb\xc3\xa4\nnews");
    stream_await_id(&stream);
    publish(fanfare, "b\xc3\xa4", "1");
    publish(fanfare, "c", "2");
    publish(fanfare, "a", "3");
    publish(fanfare, "news", "4");
    stream_expect(&stream, "message", "1", NULL);
    stream_expect(&stream, "message", "3", NULL);
    stream_expect(&stream, "message", "4", NULL);
    stream_close(&stream);
    engine_end(fanfare);
}

/* Where it begins: at its last id, at the newest ones, at a position; and what comes before all. */
static void beginnings(void)
{
    struct fanfare *fanfare = engine_silent(on);
    struct stream stream;
    char id[136];
    engine_start(fanfare, NULL);
    struct fanfare_subscription subscription = news();
    adopt(fanfare, SOCKET_TCP, &subscription, &stream);
    stream_await_id(&stream);
    publish(fanfare, "news", "1");
    stream_expect(&stream, "message", "1", id);
    stream_close(&stream);
    uint64_t since = fanfare_position(fanfare);
    publish(fanfare, "news", "2");
    publish(fanfare, "news", "3");
    for (unsigned i = 0; i < 4; i++) {
        subscription = news();
        subscription.resume = i == 0 ? id : i == 3 ? "earliest" : NULL;
        subscription.resume_len = FANFARE_NUL;
        subscription.since = i == 1 ? since : 0;
        subscription.last = i == 2 ? 2 : 0;
        adopt(fanfare, SOCKET_UNIX, &subscription, &stream);
        if (i == 3)
            stream_expect(&stream, "message", "1", NULL);
        stream_expect(&stream, "message", "2", NULL);
        stream_expect(&stream, "message", "3", NULL);
        stream_close(&stream);
    }
    struct fanfare_event first[2] = {
        {.size = sizeof(first[0]), .type = "hello", .type_len = 5, .data = "a\nb", .data_len = 3},
        {.size = sizeof(first[0]), .data = "c", .data_len = FANFARE_NUL}};
    subscription = news();
    subscription.first = first;
    subscription.first_count = 2;
    subscription.last = 1;
    adopt(fanfare, SOCKET_PAIR, &subscription, &stream);
    stream_expect(&stream, "hello", "a\nb", NULL);
    stream_expect(&stream, "message", "c", NULL);
    stream_expect(&stream, "message", "3", NULL);
    stream_close(&stream);
    engine_end(fanfare);
}

static void endings(void)
{
    struct fanfare *fanfare = engine_silent(on);
    struct stream stream;
    engine_start(fanfare, NULL);
    struct fanfare_subscription subscription = news();
    subscription.limit = 2;
    uint64_t subscriber = adopt(fanfare, SOCKET_TCP, &subscription, &stream);
    next(fanfare, FANFARE_NOTE_JOINED, subscriber);
    publish(fanfare, "news", "1");
    publish(fanfare, "news", "2");
    publish(fanfare, "news", "3");
    stream_expect(&stream, "message", "1", NULL);
    stream_expect(&stream, "message", "2", NULL);
    stream_expect_end(&stream);
    stream_close(&stream);
    EXPECT_INT(next(fanfare, FANFARE_NOTE_LEFT, subscriber).reason, FANFARE_LEFT_LIMIT);
    subscription = news();
    subscription.lifetime_ms = 1;
    subscriber = adopt(fanfare, SOCKET_TCP, &subscription, &stream);
    next(fanfare, FANFARE_NOTE_JOINED, subscriber);
    stream_expect_end(&stream);
    stream_close(&stream);
    struct fanfare_note left = next(fanfare, FANFARE_NOTE_LEFT, subscriber);
    EXPECT_INT(left.reason, FANFARE_LEFT_TOKEN);
    EXPECT_INT(left.sequence, 3);
    engine_end(fanfare);
}

/* --- a snapshot, and everything after it ------------------------------------------------------ */

static struct fanfare *followed;
static _Atomic unsigned value, followers;

static void *count_up(void *context)
{
    (void)context;
    while (atomic_load(&followers) > 0) {
        char data[16];
        int len = snprintf(data, sizeof(data), "%u", atomic_fetch_add(&value, 1) + 1);
        int r = fanfare_publish(followed, "news", NULL, data, (size_t)len, FANFARE_FOREVER, NULL);
        EXPECT(r == 0, "%d", r);
    }
    return NULL;
}

/* Each begins with a number and sees all those behind it, in order; one may come again. */
static void follow(void)
{
    enum { EVENTS = 50 };
    struct fanfare_subscription subscription = news();
    char data[16];
    subscription.since = fanfare_position(followed);
    unsigned seen = atomic_load(&value);
    struct fanfare_event first = {.size = sizeof(first), .type = "snapshot", .type_len = 8};
    first.data = data;
    first.data_len = (size_t)snprintf(data, sizeof(data), "%u", seen);
    subscription.first = &first;
    subscription.first_count = 1;
    struct stream stream;
    adopt(followed, SOCKET_TCP, &subscription, &stream);
    for (unsigned i = 0; i < EVENTS; i++) {
        struct stream_event event;
        REQUIRE(stream_next(&stream, &event), "it ended");
        unsigned number = (unsigned)strtoul(event.data, NULL, 10);
        if (i == 0)
            EXPECT(strcmp(event.type, "snapshot") == 0 && number == seen, "%s", event.data);
        else if (i == 1)
            EXPECT(number <= seen + 1, "%u follows the snapshot of %u", number, seen);
        else
            EXPECT(number == seen + 1, "%u follows %u", number, seen);
        seen = i == 0 ? seen : number;
        event_free(&event);
    }
    stream_close(&stream);
}

static void snapshot_then_follow(void)
{
    pthread_t thread;
    followed = engine_silent(NULL);
    engine_start(followed, NULL);
    atomic_store(&followers, 1);
    REQUIRE(!pthread_create(&thread, NULL, count_up, NULL), "no thread");
    for (unsigned i = 0; i < check_scaled(60); i++)
        follow();
    atomic_store(&followers, 0);
    pthread_join(thread, NULL);
    engine_end(followed);
}

/* --- in whatever state it is ------------------------------------------------------------------ */

static void refused(struct fanfare *fanfare, int fd, int result)
{
    struct fanfare_subscription subscription = news();
    uint64_t subscriber = 7;
    int flags = fcntl(fd, F_GETFL), status = fcntl(fd, F_GETFD);
    EXPECT_INT(fanfare_adopt(fanfare, fd, &subscription, &subscriber), result);
    EXPECT_INT(subscriber, 7);
    EXPECT_INT(fcntl(fd, F_GETFL), flags);
    EXPECT_INT(fcntl(fd, F_GETFD), status);
}

/* It is the program's still, and as it was: it answers its client itself. */
static void expect_own(struct ends *ends)
{
    char byte = 0;
    EXPECT_INT(send(ends->ours, "x", 1, MSG_NOSIGNAL), 1);
    EXPECT_INT(recv(ends->clients, &byte, 1, 0), 1);
    EXPECT_INT(byte, 'x');
}

static void what_is_no_connection(void)
{
    struct fanfare *fanfare = engine_silent(on);
    int pipes[2], datagrams[2];
    engine_start(fanfare, NULL);
    REQUIRE(pipe2(pipes, O_CLOEXEC) == 0, "pipe");
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, datagrams) == 0, "socketpair");
    int packets = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(listen(listener, 1) == 0, "listen");
    refused(fanfare, -1, -EBADF);
    refused(fanfare, pipes[1], -ENOTSOCK);
    refused(fanfare, datagrams[0], -EPROTOTYPE);
    refused(fanfare, packets, -EPROTOTYPE);
    refused(fanfare, listener, -ENOTCONN);
    close(pipes[0]), close(pipes[1]), close(datagrams[0]), close(datagrams[1]);
    close(packets), close(listener);
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, 0), 0);
    engine_end(fanfare);
}

/* A client that has gone is taken and leaves at once; one that says more is not listened to. */
static void gone_and_talkative(void)
{
    struct fanfare *fanfare = engine_silent(on);
    struct fanfare_subscription subscription = news();
    uint64_t subscriber;
    engine_start(fanfare, NULL);
    for (unsigned i = 0; i < SOCKET_KINDS; i++) {
        struct ends ends = socket_open((enum socket_kind)i);
        if (i == SOCKET_TCP)
            socket_reset(ends.clients);
        else
            close(ends.clients);
        int r = fanfare_adopt(fanfare, ends.ours, &subscription, &subscriber);
        /* The kernel has told already that a TCP client has gone: then it is connected no more. */
        if (i == SOCKET_TCP && r == -ENOTCONN) {
            close(ends.ours);
            continue;
        }
        EXPECT_INT(r, 0);
        next(fanfare, FANFARE_NOTE_JOINED, subscriber);
        int reason = next(fanfare, FANFARE_NOTE_LEFT, subscriber).reason;
        EXPECT(reason == FANFARE_LEFT_GONE || reason == FANFARE_LEFT_ERROR, "%d", reason);
    }
    for (unsigned i = 0; i < SOCKET_KINDS; i++) {
        struct ends ends = socket_open((enum socket_kind)i);
        struct stream stream;
        EXPECT_INT(send(ends.clients, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
        EXPECT_INT(fanfare_adopt(fanfare, ends.ours, &subscription, NULL), 0);
        stream_init(&stream, ends.clients, NULL, NULL);
        stream_await_id(&stream);
        publish(fanfare, "news", "x");
        stream_expect(&stream, "message", "x", NULL);
        stream_close(&stream);
    }
    engine_end(fanfare);
}

/* The program's epoll set goes on to name the connection, which is all that it sees of it. */
static void in_an_epoll_set(void)
{
    struct fanfare *fanfare = engine_silent(on);
    struct fanfare_subscription subscription = news();
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    struct ends ends = socket_open(SOCKET_TCP);
    struct stream stream;
    uint64_t subscriber;
    int set = epoll_create1(EPOLL_CLOEXEC);
    engine_start(fanfare, NULL);
    EXPECT_INT(epoll_ctl(set, EPOLL_CTL_ADD, ends.ours, &event), 0);
    EXPECT_INT(fanfare_adopt(fanfare, ends.ours, &subscription, &subscriber), 0);
    stream_init(&stream, ends.clients, NULL, NULL);
    stream_await_id(&stream);
    publish(fanfare, "news", "x");
    stream_expect(&stream, "message", "x", NULL);
    next(fanfare, FANFARE_NOTE_JOINED, subscriber);
    stream_close(&stream);
    next(fanfare, FANFARE_NOTE_LEFT, subscriber);
    close(set);
    engine_end(fanfare);
}

static void set_linger(int fd)
{
    EXPECT_INT(
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 30}, sizeof(struct linger)), 0);
}

static void expect_linger(int fd, int expected_s)
{
    struct linger linger = {0};
    socklen_t len = sizeof(linger);
    EXPECT_INT(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
    EXPECT_INT(linger.l_onoff ? linger.l_linger : 0, expected_s);
}

/* Closing it would put a worker to sleep; what is not taken, however late, is as it was. */
static void that_lingers(void)
{
    static char much[65536]; /* and what it is framed by: the hub finds that out */
    struct fanfare *fanfare = engine_silent(NULL);
    struct fanfare_subscription subscription = news();
    struct fanfare_event first = {.size = sizeof(first), .data = much, .data_len = sizeof(much)};
    struct ends ends = socket_open(SOCKET_TCP);
    engine_start(fanfare, NULL);
    int fd = fcntl(ends.ours, F_DUPFD_CLOEXEC, 0);
    set_linger(fd);
    memset(much, 'x', sizeof(much));
    subscription.first = &first;
    subscription.first_count = 1;
    EXPECT_INT(fanfare_adopt(fanfare, ends.ours, &subscription, NULL), -E2BIG);
    expect_linger(fd, 30);
    subscription.first_count = 0;
    EXPECT_INT(fanfare_adopt(fanfare, ends.ours, &subscription, NULL), 0);
    expect_linger(fd, 0);
    close(fd);
    close(ends.clients);
    engine_end(fanfare);
}

static void no_room(void)
{
    static const char *const one[] = {"notes", "on", "subscribers-max", "1", NULL};
    struct fanfare_subscription subscription = news();
    struct fanfare *fanfare = engine_silent(one);
    struct stream stream;
    engine_start(fanfare, NULL);
    uint64_t subscriber = adopt(fanfare, SOCKET_TCP, &subscription, &stream);
    struct ends ends = socket_open(SOCKET_TCP);
    refused(fanfare, ends.ours, -ENOSPC);
    expect_own(&ends);
    stream_close(&stream);
    next(fanfare, FANFARE_NOTE_JOINED, subscriber);
    refused(fanfare, ends.ours, -ENOSPC); /* nobody was told that it has left */
    next(fanfare, FANFARE_NOTE_LEFT, subscriber);
    /* Its worker counts it until its record is free, a moment later. */
    int r, tries = 0;
    do
        r = fanfare_adopt(fanfare, ends.ours, &subscription, NULL);
    while (r == -ENOSPC && tries++ < 1000000);
    EXPECT_INT(r, 0);
    close(ends.clients);
    engine_end(fanfare);
}

/* Clients that read nothing of what their streams begin with. */
static void no_memory(void)
{
    enum { MANY = 100, SIZE = 60000 };
    static const char *const little[] = {"memory-max", "1M", "send-buffer", "4K", NULL};
    struct fanfare *fanfare = engine_silent(little);
    struct fanfare_subscription subscription = news();
    struct fanfare_event first = {.size = sizeof(first), .data = calloc(1, SIZE), .data_len = SIZE};
    struct ends ends[MANY];
    unsigned count = 0;
    int r;
    engine_start(fanfare, NULL);
    memset((char *)(uintptr_t)first.data, 'x', SIZE);
    subscription.first = &first;
    subscription.first_count = 1;
    do {
        ends[count] = socket_open(SOCKET_PAIR);
        r = fanfare_adopt(fanfare, ends[count++].ours, &subscription, NULL);
    } while (r == 0 && count < MANY);
    EXPECT_INT(r, -ENOBUFS);
    expect_own(&ends[count - 1]);
    close(ends[count - 1].ours);
    for (unsigned i = 0; i < count; i++)
        close(ends[i].clients);
    free((void *)(uintptr_t)first.data);
    engine_end(fanfare);
}

static void not_running(void)
{
    struct fanfare *fanfare = engine_silent(on);
    struct fanfare_subscription subscription = news();
    struct ends ends = socket_open(SOCKET_TCP);
    refused(NULL, ends.ours, -EINVAL);
    refused(fanfare, ends.ours, -ESHUTDOWN);
    engine_start(fanfare, NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(fanfare_adopt(fanfare, ends.ours, &subscription, NULL) == -ECHILD ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_INT(status, 0);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    refused(fanfare, ends.ours, -ESHUTDOWN);
    expect_own(&ends);
    socket_close(&ends);
    fanfare_free(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("each_kind", each_kind);
    check_case("channels", channels);
    check_case("beginnings", beginnings);
    check_case("endings", endings);
    check_case("snapshot_then_follow", snapshot_then_follow);
    check_case("what_is_no_connection", what_is_no_connection);
    check_case("gone_and_talkative", gone_and_talkative);
    check_case("in_an_epoll_set", in_an_epoll_set);
    check_case("that_lingers", that_lingers);
    check_case("no_room", no_room);
    check_case("no_memory", no_memory);
    check_case("not_running", not_running);
    return check_end();
}
