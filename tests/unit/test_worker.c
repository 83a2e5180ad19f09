/* SPDX-License-Identifier: MIT */
/* A worker whose io fails, at a flush or at a wait: it ends in order, and holds nobody up. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/hub.h"
#include "engine/io/io_epoll.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"

static struct io_operations operations;
static struct hub *hub;
static struct worker *worker;
static bool flush_fails, wait_fails;

static int flush(struct io *io)
{
    (void)io;
    return flush_fails ? -EBADF : 0;
}

static int no_wait(struct io *io, int64_t timeout_ns)
{
    (void)io, (void)timeout_ns;
    return wait_fails ? -EBADF : 0;
}

static int open_io(void *context, unsigned index, struct io **ret_io)
{
    (void)context, (void)index;
    int r = io_epoll_open(16, ret_io);
    if (r < 0)
        return r;
    operations = *(*ret_io)->operations;
    operations.flush = flush;
    operations.wait = no_wait;
    (*ret_io)->operations = &operations;
    return 0;
}

static struct stats stats_now(void)
{
    struct stats stats;
    hub_stats(hub, &stats);
    return stats;
}

static int subscribe(int *ret_peer)
{
    int fds[2];
    struct text channel = TEXT("c");
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {
        .fd = fds[0], .before = hub_next_sequence(hub), .channels = &channel, .channel_count = 1};
    int r = hub_subscribe(hub, &request, NULL);
    if (r != 0)
        close(fds[0]);
    *ret_peer = fds[1];
    return r;
}

static void publish(void)
{
    struct frame *frame;
    uint64_t first;
    struct event event = {.channel = TEXT("c"), .data = TEXT("x"), .retry_ms = -1};
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
    for (int turns = 0; turns < 4; turns++)
        worker_turn(worker);
}

static void break_it(bool *fails)
{
    struct hub_options options;
    int peer, waiting, refused;
    char byte[1024];
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, open_io, NULL), 0);
    worker = hub_worker(hub, 0);
    cr_assert_eq(subscribe(&peer), 0);
    publish();
    cr_assert_eq(stats_now().subscribers, 1);
    cr_assert_eq(subscribe(&waiting), 0);
    *fails = true;
    publish();
    cr_expect_eq(stats_now().workers_failed, 1);
    cr_expect_eq(stats_now().subscribers, 0);
    cr_expect_eq(stats_now().closed_error, stats_now().joined, "closed and counted");
    while (recv(peer, byte, sizeof(byte), 0) > 0)
        ;
    cr_expect_eq(recv(peer, byte, sizeof(byte), 0), 0, "its peer sees the end");
    cr_expect_eq(subscribe(&refused), HUB_FULL);
    publish();
    cr_expect_eq(stats_now().in_flight_bytes, 0, "frames are given back");
    cr_expect_eq(worker->position, 4);

    hub_close(hub);
    worker_drain(worker, hub_next_sequence(hub));
    for (int turns = 0; turns < 4 && !worker->stopped; turns++)
        worker_turn(worker);
    cr_assert(worker->stopped);
    cr_expect_eq(atomic_load(&worker->reserved), 0);
    worker->io->operations->close(worker->io);
    hub_stop(hub);
    hub_free(hub);
    close(peer), close(waiting), close(refused);
}

Test(worker, a_flush_that_fails)
{
    break_it(&flush_fails);
}

Test(worker, a_wait_that_fails)
{
    break_it(&wait_fails);
}
