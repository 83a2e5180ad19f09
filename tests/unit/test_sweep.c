/* SPDX-License-Identifier: MIT */
/* Sweeps: a turn looks at a bounded number of channels, however many its subscribers have, and of
 * readers, however many a channel has that ends. */
#include <criterion/criterion.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/hub.h"
#include "engine/io/io_epoll.h"
#include "engine/worker/subscriber.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "threadless.h"

#define SUBSCRIBERS 100u
#define READERS     (TURN_SENDS + 300)
#define CHANNELS    2048u

static int open_io(void *context, unsigned index, struct io **ret_io)
{
    (void)context, (void)index;
    return io_epoll_open(READERS, ret_io);
}

static struct stats turn(struct hub *hub)
{
    struct worker *worker = hub_worker(hub, 0);
    struct stats stats;
    cr_assert_eq(worker->io->operations->wait(worker->io, 0), 0);
    worker_turn(worker);
    hub_stats(hub, &stats);
    return stats;
}

/* Our end of a connection that listens to so many of the channels. */
static int subscribe(struct hub *hub, unsigned count)
{
    static char names[CHANNELS][16];
    static struct text channels[CHANNELS];
    int fds[2];
    for (unsigned i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "c/%u", i);
        channels[i] = text_of(names[i]);
    }
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {.fd = fds[0],
                                        .before = hub_next_sequence(hub),
                                        .channels = channels,
                                        .channel_count = count};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    return fds[1];
}

Test(sweep, a_turn_looks_at_so_many_channels)
{
    struct hub_options options;
    struct hub *hub;
    int peers[SUBSCRIBERS];
    struct frame *frame;
    uint64_t first;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = SUBSCRIBERS;
    options.drain_timeout_ms = 1; /* in the end they read nothing */
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, open_io, NULL), 0);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        peers[i] = subscribe(hub, CHANNELS);
    while (turn(hub).joined < SUBSCRIBERS || hub_worker(hub, 0)->catch_up.count ||
           hub_worker(hub, 0)->dirty.first)
        ;
    struct event event = {.channel = TEXT("c/0"), .data = TEXT("x"), .retry_ms = -1};
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
    uint64_t served = turn(hub).deliveries + hub_worker(hub, 0)->catch_up.count;
    cr_expect(served > 0 && served <= TURN_SWEEP_BYTES / CHANNELS / 64 + 1, "%lu of %u", served,
              SUBSCRIBERS);
    int turns = 0;
    while (turn(hub).deliveries < SUBSCRIBERS && turns++ < 1000)
        ;
    cr_expect_lt(turns, 1000, "everybody has it");
    struct worker *worker = hub_worker(hub, 0);
    static char data[4096];
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        for (size_t len = sizeof(data); len > 0; len /= 8)
            while (send(worker->subscribers[i].handle, data, len, MSG_DONTWAIT) > 0)
                ;
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
    for (turns = 0; worker->lag.live < SUBSCRIBERS && turns < 1000; turns++)
        turn(hub);
    cr_assert_lt(turns, 1000, "all of them lag");
    worker->lag.due_ns = 0;
    worker->lag.next = 0;
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        worker->subscribers[i].window_ms -= options.slow_after_ms;
    turn(hub);
    cr_expect(worker->lag.next > 0 && worker->lag.next <= CATCH_UP_CHANNELS / CHANNELS + 1,
              "those that lag are tried in parts");
    cr_assert_eq(hub_kick(hub), 0);
    turn(hub);
    cr_expect_leq(hub_worker(hub, 0)->kick.next, KICK_BATCH / CHANNELS + 1, "and so does a kick");
    threadless_end(hub);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        close(peers[i]);
}

/* More than a turn may send: the end of their channel does not hold up anybody else. */
Test(sweep, a_turn_ends_so_many_streams)
{
    static int peers[READERS];
    struct hub_options options;
    struct hub *hub;
    struct rlimit limit;
    struct frame *frame;
    uint64_t first;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = READERS;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, open_io, NULL), 0);
    for (unsigned i = 0; i < READERS; i++)
        peers[i] = subscribe(hub, 1);
    while (turn(hub).joined < READERS || hub_worker(hub, 0)->catch_up.count ||
           hub_worker(hub, 0)->dirty.first)
        ;
    struct event event = {.channel = TEXT("c/0"), .data = TEXT("x"), .retry_ms = -1, .ends = true};
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
    uint64_t served = turn(hub).deliveries + hub_worker(hub, 0)->catch_up.count;
    cr_expect(served > 0 && served <= TURN_SENDS, "%lu of %u", served, READERS);
    int turns = 0;
    while (turn(hub).closed_ended < READERS && turns++ < 1000)
        ;
    cr_expect_lt(turns, 1000, "everybody has the end");
    cr_expect_eq(turn(hub).deliveries, READERS);
    threadless_end(hub);
    for (unsigned i = 0; i < READERS; i++)
        close(peers[i]);
}
