/* SPDX-License-Identifier: MIT */
/*
 * The promises of io.h, asked of both real backends on real sockets. Each test is one function that
 * gets an open io; EACH makes a Criterion test of it for epoll and for each variant of io_uring,
 * skipped only where the kernel or a policy does not permit it.
 *
 * Length: the promises are one list, asked with the same few helpers.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/io/io_epoll.h"
#include "engine/io/io_uring.h"
#include "engine/io/probe.h"

#define SECOND INT64_C(1000000000)
/* Long enough for any machine; reached only by a broken backend. */
#define PATIENCE  (20 * SECOND)
#define BIG_BYTES (1u << 20)

static struct io *io;
static int (*open_io)(uint32_t sockets, struct io **ret_io);

static void open_epoll(void)
{
    open_io = io_epoll_open;
}

/* The registered one is skipped, too, where the kernel keeps what was registered open. */
static void open_uring(int (*open)(uint32_t sockets, struct io **ret_io))
{
    int r = probe_io(open);
    if (r == -ENOSYS || r == -EPERM || r == -EACCES || (r == -EOPNOTSUPP && open == io_uring_open))
        cr_skip_test("io_uring: %s", strerror(-r));
    cr_assert_eq(r, 0, "io_uring: %s", strerror(-r));
    open_io = open;
}

static void run(uint32_t sockets, void (*test)(void))
{
    cr_assert_eq(open_io(sockets, &io), 0);
    test();
    io->operations->close(io);
}

#define EACH(name, sockets)                                                                        \
    static void name(void);                                                                        \
    Test(io_epoll, name, .init = open_epoll)                                                       \
    {                                                                                              \
        run(sockets, name);                                                                        \
    }                                                                                              \
    Test(io_uring, name)                                                                           \
    {                                                                                              \
        open_uring(io_uring_open);                                                                 \
        run(sockets, name);                                                                        \
    }                                                                                              \
    Test(io_uring_compat, name)                                                                    \
    {                                                                                              \
        open_uring(io_uring_compat_open);                                                          \
        run(sockets, name);                                                                        \
    }                                                                                              \
    static void name(void)

/* --- sockets ------------------------------------------------------------------------------- */

struct pair {
    int ours, peer;
};

static struct pair unix_pair(void)
{
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    return (struct pair){fds[0], fds[1]};
}

static struct pair tcp_pair(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(peer, (struct sockaddr *)&address, len), 0);
    int ours = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert_geq(ours, 0);
    cr_assert_eq(fcntl(peer, F_SETFL, O_NONBLOCK), 0);
    close(listener);
    return (struct pair){ours, peer};
}

static struct pair (*const pairs[])(void) = {unix_pair, tcp_pair};

/* Waits until the peer can be read: data, or the end. */
static void await_input(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&poll_fd, 1, (int)(PATIENCE / 1000000)), 1);
}

/* Bytes of a stream: each position has its own value, so that a lost or doubled piece shows. */
static char byte_at(size_t position)
{
    return (char)(position * 2654435761u >> 13);
}

static const char *stream_bytes(void)
{
    static char bytes[BIG_BYTES];
    static bool made;
    for (size_t i = 0; !made && i < sizeof(bytes); i++)
        bytes[i] = byte_at(i);
    made = true;
    return bytes;
}

/* Reads all that is there and checks it from `position` on; how much it was. */
static size_t read_stream(int fd, size_t position)
{
    static char bytes[65536];
    size_t all = 0;
    for (;;) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        if (got <= 0) {
            cr_assert(got < 0 && errno == EAGAIN, "recv: %zd, %s", got, strerror(errno));
            return all;
        }
        for (ssize_t i = 0; i < got; i++)
            cr_assert_eq(bytes[i], byte_at(position + all + (size_t)i));
        all += (size_t)got;
    }
}

/* --- the io -------------------------------------------------------------------------------- */

static int add(int fd, uint32_t owner)
{
    int handle = io->operations->add(io, fd, owner);
    cr_assert_geq(handle, 0, "add: %s", strerror(-handle));
    return handle;
}

/* The next event, waiting for it if there is none; false after PATIENCE. */
static bool await_event(struct io_event *ret_event)
{
    int64_t due = io->operations->now_ns(io) + PATIENCE;
    while (!io->operations->next(io, ret_event)) {
        int64_t left = due - io->operations->now_ns(io);
        if (left <= 0)
            return false;
        cr_assert_eq(io->operations->wait(io, left), 0);
    }
    return true;
}

/* Waits for an event of this kind, passing over causeless reports of writability. */
static struct io_event await_kind(enum io_event_kind kind)
{
    struct io_event event;
    do {
        cr_assert(await_event(&event), "nothing came");
    } while (event.kind != kind && event.kind == IO_WRITABLE);
    cr_assert_eq(event.kind, kind);
    return event;
}

/* Everything that is there now; how many events were of that kind. */
static unsigned drain(enum io_event_kind kind)
{
    struct io_event event;
    unsigned count = 0;
    for (int i = 0; i < 3; i++) {
        while (io->operations->next(io, &event))
            count += event.kind == kind;
        cr_assert_eq(io->operations->wait(io, 0), 0);
    }
    while (io->operations->next(io, &event))
        count += event.kind == kind;
    return count;
}

/* Sends and flushes; the bytes taken, or the negative errno that was reported. */
static int32_t send_now(int handle, const char *bytes, uint32_t len, uint32_t tag)
{
    struct io_event event;
    int32_t result = (int32_t)len;
    io->operations->send(io, handle, bytes, len, tag);
    cr_assert_eq(io->operations->flush(io), 0);
    while (io->operations->next(io, &event)) {
        if (event.kind != IO_SHORT)
            continue;
        cr_assert_eq(event.owner, tag);
        cr_assert_eq(result, (int32_t)len, "one report a send");
        cr_assert_lt(event.result, (int32_t)len);
        result = event.result;
    }
    return result;
}

/* Sends the stream until the socket refuses; how much it took. */
static size_t fill(int handle)
{
    const char *bytes = stream_bytes();
    size_t sent = 0;
    for (uint32_t tag = 0; tag < 1000; tag++) {
        /* Never more than is left: the stream has an end. */
        cr_assert_lt(sent, BIG_BYTES);
        int32_t result = send_now(handle, bytes + sent, (uint32_t)(BIG_BYTES - sent), tag);
        if (result == -EAGAIN)
            return sent;
        cr_assert_gt(result, 0);
        sent += (size_t)result;
    }
    cr_assert_fail("never full");
    return 0;
}

/* Only our side: a small window of the peer's would make TCP wait for its timers. */
static void make_small(struct pair pair)
{
    int bytes = 4096;
    setsockopt(pair.ours, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* --- sending ------------------------------------------------------------------------------- */

EACH(a_whole_send_is_silent, 8)
{
    for (int kind = 0; kind < 2; kind++) {
        struct pair pair = pairs[kind]();
        int handle = add(pair.ours, 1);
        size_t position = 0;
        for (uint32_t len = 1; len < 3000; len = len * 3 + 1) {
            cr_assert_eq(send_now(handle, stream_bytes() + position, len, len), (int32_t)len);
            await_input(pair.peer);
            position += read_stream(pair.peer, position);
        }
        cr_expect_eq(position, 1 + 4 + 13 + 40 + 121 + 364 + 1093);
        io->operations->remove(io, handle);
        close(pair.peer);
    }
}

EACH(a_short_send_tells_how_much_and_a_full_socket_refuses, 8)
{
    for (int kind = 0; kind < 2; kind++) {
        struct pair pair = pairs[kind]();
        make_small(pair);
        int handle = add(pair.ours, 1);
        size_t sent = fill(handle);
        cr_expect_gt(sent, 0);
        size_t got = 0;
        while (got < sent) {
            await_input(pair.peer);
            got += read_stream(pair.peer, got);
        }
        cr_expect_eq(got, sent, "what was taken arrives, and nothing else");
        io->operations->remove(io, handle);
        close(pair.peer);
    }
}

EACH(the_bytes_may_be_reused_after_a_flush, 8)
{
    struct pair pair = tcp_pair();
    make_small(pair);
    int handle = add(pair.ours, 1);
    static char bytes[65536];
    size_t sent = 0, got = 0;
    while (sent < 1000000) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = byte_at(sent + i);
        int32_t result = send_now(handle, bytes, sizeof(bytes), 3);
        memset(bytes, '!', sizeof(bytes));
        if (result > 0) {
            sent += (size_t)result;
        } else {
            cr_assert_eq(result, -EAGAIN);
            got += read_stream(pair.peer, got);
            io->operations->await_writable(io, handle);
            await_kind(IO_WRITABLE);
        }
        got += read_stream(pair.peer, got);
    }
    while (got < sent) {
        await_input(pair.peer);
        got += read_stream(pair.peer, got);
    }
    io->operations->remove(io, handle);
    close(pair.peer);
}

EACH(many_sends_in_one_flush_are_told_apart, 40)
{
    struct pair made[40];
    int handles[40];
    bool told[40] = {false};
    for (uint32_t i = 0; i < 40; i++) {
        made[i] = unix_pair();
        handles[i] = add(made[i].ours, i);
        if (i % 3 == 0)
            fill(handles[i]);
    }
    drain(IO_SHORT);
    for (uint32_t i = 0; i < 40; i++)
        io->operations->send(io, handles[i], "x", 1, 100 + i);
    cr_assert_eq(io->operations->flush(io), 0);
    struct io_event event;
    while (io->operations->next(io, &event)) {
        if (event.kind != IO_SHORT)
            continue;
        cr_assert_eq(event.result, -EAGAIN);
        cr_assert_not(told[event.owner - 100]);
        told[event.owner - 100] = true;
    }
    for (uint32_t i = 0; i < 40; i++) {
        cr_expect_eq(told[i], i % 3 == 0, "socket %u", i);
        io->operations->remove(io, handles[i]);
        close(made[i].peer);
    }
}

EACH(a_send_to_a_dead_peer_reports_why, 8)
{
    struct pair pair = unix_pair();
    int handle = add(pair.ours, 1);
    close(pair.peer);
    cr_expect_eq(send_now(handle, "x", 1, 5), -EPIPE, "and no signal");
    io->operations->remove(io, handle);
}

/* --- writability --------------------------------------------------------------------------- */

EACH(a_full_socket_reports_when_it_drains, 8)
{
    for (int kind = 0; kind < 2; kind++) {
        struct pair pair = pairs[kind]();
        make_small(pair);
        int handle = add(pair.ours, 77);
        size_t sent = fill(handle), got = 0;
        io->operations->await_writable(io, handle);
        io->operations->await_writable(io, handle); /* asking again does nothing */
        drain(IO_WRITABLE);
        if (kind == 1) /* what is in flight may have made room: fill it again until it is quiet */
            while (send_now(handle, stream_bytes() + sent, 1, 1) == 1)
                sent++;
        io->operations->await_writable(io, handle);
        while (got < sent) {
            await_input(pair.peer);
            got += read_stream(pair.peer, got);
        }
        cr_expect_eq(await_kind(IO_WRITABLE).owner, 77);
        cr_expect_eq(send_now(handle, stream_bytes() + sent, 1, 1), 1);
        io->operations->remove(io, handle);
        close(pair.peer);
    }
}

/* --- hang-ups and removal --------------------------------------------------------------------- */

EACH(a_hangup_is_reported_once_with_its_owner, 16)
{
    for (int kind = 0; kind < 2; kind++) {
        struct pair quiet = pairs[kind](), gone = pairs[kind]();
        int quiet_handle = add(quiet.ours, 5), handle = add(gone.ours, 6);
        cr_expect_eq(drain(IO_HANGUP), 0);
        close(gone.peer);
        /* TCP's end of one side is all that a close tells at first. */
        enum io_event_kind end = pairs[kind] == tcp_pair ? IO_ENDED : IO_HANGUP;
        cr_expect_eq(await_kind(end).owner, 6);
        cr_expect_eq(drain(end), 0);
        io->operations->remove(io, handle);
        cr_expect_eq(drain(IO_HANGUP), 0);
        io->operations->remove(io, quiet_handle);
        close(quiet.peer);
    }
}

EACH(a_peer_that_only_ends_its_side_is_told_apart, 8)
{
    struct pair pair = tcp_pair();
    int handle = add(pair.ours, 6);
    cr_assert_eq(send(pair.peer, "GET", 3, 0), 3);
    cr_expect_eq(drain(IO_HANGUP), 0, "input is none");
    cr_assert_eq(shutdown(pair.peer, SHUT_WR), 0);
    cr_expect_eq(await_kind(IO_ENDED).owner, 6);
    /* It can be written to, and its reset is told after that. */
    cr_expect_eq(send_now(handle, "data", 4, 1), 4);
    char got[4];
    cr_expect_eq(recv(pair.peer, got, sizeof(got), MSG_WAITALL), 4);
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(pair.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(pair.peer);
    cr_expect_eq(await_kind(IO_HANGUP).owner, 6);
    io->operations->remove(io, handle);
}

EACH(a_hangup_before_the_socket_is_added_is_reported, 8)
{
    struct pair pair = tcp_pair();
    close(pair.peer);
    await_input(pair.ours);
    int handle = add(pair.ours, 9);
    cr_expect_eq(await_kind(IO_ENDED).owner, 9);
    io->operations->remove(io, handle);
}

EACH(nothing_is_reported_after_removal, 8)
{
    for (int round = 0; round < 50; round++) {
        struct pair pair = unix_pair(), next = unix_pair();
        int handle = add(pair.ours, 1);
        fill(handle);
        io->operations->await_writable(io, handle);
        drain(IO_WRITABLE);
        close(pair.peer); /* hung up and writable at once, */
        if (round % 2)    /* seen by the backend or not, but not asked for */
            cr_assert_eq(io->operations->wait(io, PATIENCE), 0);
        io->operations->remove(io, handle);
        int next_handle = add(next.ours, 2);
        struct io_event event;
        for (int i = 0; i < 3; i++) {
            while (io->operations->next(io, &event)) {
                cr_assert_eq(event.owner, 2);
                cr_assert_eq(event.kind, IO_WRITABLE);
            }
            cr_assert_eq(io->operations->wait(io, 0), 0);
        }
        drain(IO_WRITABLE);
        io->operations->remove(io, next_handle);
        drain(IO_WRITABLE);
        close(next.peer);
    }
}

/* What was queued arrives before an orderly end, although the peer's own bytes were never read. */
EACH(removal_is_no_reset, 8)
{
    for (int kind = 0; kind < 2; kind++) {
        struct pair pair = pairs[kind]();
        int handle = add(pair.ours, 1);
        char bytes[10000] = "";
        cr_assert_eq(send(pair.peer, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
        cr_assert_eq(send_now(handle, "bye", 3, 1), 3);
        io->operations->remove(io, handle);
        drain(IO_HANGUP);
        await_input(pair.peer);
        cr_expect_eq(recv(pair.peer, bytes, sizeof(bytes), 0), 3);
        await_input(pair.peer);
        cr_expect_eq(recv(pair.peer, bytes, sizeof(bytes), 0), 0, "%s", strerror(errno));
        close(pair.peer);
    }
}

/* The end of this program's zeroed data: nothing may ever write behind it, up to the page's end. */
extern char end_of_data __asm__("_end");

__attribute__((no_sanitize("address", "undefined"))) static size_t bytes_behind_data(void)
{
    size_t used = 0;
    uintptr_t at = (uintptr_t)&end_of_data;
    for (; at % 4096; at++)
        used += *(volatile char *)at != 0;
    return used;
}

EACH(input_of_a_removed_unix_socket_overwrites_nothing, 8)
{
    struct pair pair = unix_pair();
    int handle = add(pair.ours, 1);
    static char input[100000];
    memset(input, '!', sizeof(input));
    size_t before = bytes_behind_data();
    cr_assert_gt(send(pair.peer, input, sizeof(input), 0), 65536);
    io->operations->remove(io, handle);
    drain(IO_HANGUP);
    cr_expect_eq(bytes_behind_data(), before);
    close(pair.peer);
}

EACH(handles_are_used_again, 4)
{
    for (int i = 0; i < 2000; i++) {
        struct pair pair = unix_pair();
        int handle = add(pair.ours, 3);
        cr_assert_lt(handle, 1000, "handles do not run away");
        if (i % 3 == 0) {
            fill(handle);
            io->operations->await_writable(io, handle);
        }
        if (i % 5 == 0)
            close(pair.peer);
        io->operations->remove(io, handle);
        drain(IO_HANGUP);
        if (i % 5) {
            char byte;
            if (i % 3)
                cr_assert_eq(recv(pair.peer, &byte, 1, 0), 0, "closed by now");
            close(pair.peer);
        }
    }
}

EACH(a_full_table_leaves_the_socket_with_the_caller, 2)
{
    enum { MANY = 1000 };
    static struct pair made[MANY];
    static int handles[MANY];
    int count = 0, r = 0;
    while (count < MANY) {
        made[count] = unix_pair();
        r = io->operations->add(io, made[count].ours, (uint32_t)count);
        if (r < 0)
            break;
        handles[count++] = r;
    }
    cr_assert_lt(count, MANY);
    cr_expect_geq(count, 2, "as many as were asked for");
    cr_expect_eq(r, -ENOSPC);
    cr_expect_geq(fcntl(made[count].ours, F_GETFD), 0, "still open, still ours");
    io->operations->remove(io, handles[0]);
    drain(IO_HANGUP);
    handles[0] = add(made[count].ours, 0);
    drain(IO_HANGUP);
    cr_expect_eq(send_now(handles[0], "x", 1, 1), 1);
    await_input(made[count].peer);
    for (int i = 0; i < count; i++)
        io->operations->remove(io, handles[i]);
    for (int i = 0; i <= count; i++)
        close(made[i].peer);
}

/* --- waiting and waking ---------------------------------------------------------------------- */

static void *wake_main(void *argument)
{
    struct io *other = argument;
    other->operations->wake(other);
    return NULL;
}

EACH(another_thread_wakes_a_wait, 4)
{
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        int64_t before = io->operations->now_ns(io);
        cr_assert_eq(pthread_create(&thread, NULL, wake_main, io), 0);
        cr_assert_eq(io->operations->wait(io, PATIENCE), 0);
        cr_assert_lt(io->operations->now_ns(io) - before, PATIENCE);
        pthread_join(thread, NULL);
        cr_expect_eq(drain(IO_HANGUP), 0, "a wake is no event");
    }
}

EACH(a_wake_before_the_wait_counts, 4)
{
    int64_t before = io->operations->now_ns(io);
    io->operations->wake(io);
    io->operations->wake(io);
    cr_assert_eq(io->operations->wait(io, -1), 0);
    cr_expect_lt(io->operations->now_ns(io) - before, PATIENCE);
    drain(IO_HANGUP);
    before = io->operations->now_ns(io);
    cr_assert_eq(io->operations->wait(io, 30000000), 0);
    cr_expect_geq(io->operations->now_ns(io) - before, 29000000, "one wait for all of them");
}

EACH(a_wait_ends_when_its_time_is_over, 4)
{
    int64_t before = io->operations->now_ns(io);
    cr_assert_eq(io->operations->wait(io, 0), 0);
    drain(IO_HANGUP);
    before = io->operations->now_ns(io);
    cr_assert_eq(io->operations->wait(io, 20000000), 0);
    int64_t waited = io->operations->now_ns(io) - before;
    cr_expect_geq(waited, 19000000);
    cr_expect_lt(waited, PATIENCE);
}

/* --- a backend that has failed ---------------------------------------------------------------- */

/* The descriptor that is opened next. */
static int next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);
    cr_assert_geq(fd, 0);
    close(fd);
    return fd;
}

Test(io_epoll, a_set_that_failed_sends_and_tells_nothing)
{
    static char bytes[BIG_BYTES];
    struct io_event event;
    char byte;
    int epoll_fd = next_descriptor();
    cr_assert_eq(io_epoll_open(4, &io), 0);
    struct pair pair = unix_pair();
    int handle = io->operations->add(io, pair.ours, 7);
    cr_assert_geq(handle, 0);
    close(epoll_fd);
    cr_assert_eq(io->operations->wait(io, 0), -EBADF);
    io->operations->send(io, handle, bytes, sizeof(bytes), 0); /* more than the socket takes */
    cr_expect_eq(io->operations->flush(io), -EBADF);
    cr_expect_not(io->operations->next(io, &event), "an event of kind %d", (int)event.kind);
    cr_expect_eq(recv(pair.peer, &byte, 1, 0), -1, "something was sent");
    io->operations->remove(io, handle);
    cr_expect_eq(recv(pair.peer, &byte, 1, 0), 0, "its peer sees the end");
    io->operations->close(io);
    close(pair.peer);
}

static void *flush_elsewhere(void *argument)
{
    (void)argument;
    return (void *)(intptr_t)io->operations->flush(io);
}

/* As the probe leaves it where the ring fails in between: nobody removes them one by one. */
Test(io_uring_compat, a_ring_that_failed_leaves_no_descriptor)
{
    char byte;
    open_uring(io_uring_compat_open);
    cr_assert_eq(open_io(4, &io), 0);
    struct pair one = unix_pair(), other = unix_pair();
    cr_assert_geq(io->operations->add(io, one.ours, 7), 0);
    int handle = io->operations->add(io, other.ours, 8);
    cr_assert_geq(handle, 0);
    io->operations->send(io, handle, "x", 1, 0);
    /* A ring is one thread's: the kernel refuses another one. */
    pthread_t thread;
    void *flushed;
    cr_assert_eq(pthread_create(&thread, NULL, flush_elsewhere, NULL), 0);
    cr_assert_eq(pthread_join(thread, &flushed), 0);
    cr_assert_lt((intptr_t)flushed, 0);
    io->operations->close(io);
    cr_expect_eq(recv(one.peer, &byte, 1, 0), 0, "its peer sees the end");
    cr_expect_eq(recv(other.peer, &byte, 1, 0), 0, "so does the other's");
    close(one.peer);
    close(other.peer);
}
