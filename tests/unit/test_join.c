/* SPDX-License-Identifier: MIT */
/* Hand-offs: a turn that has spent its time on some of them leaves the others to the next one. */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/hub.h"
#include "engine/io/io_epoll.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "threadless.h"

#define HANDOFFS 100u

static struct io_operations operations;
static int64_t step_ns; /* by which each look at the clock brings it forward */

static int64_t now_ns(struct io *io)
{
    static int64_t now = 1000000000;
    (void)io;
    return now += step_ns;
}

static int open_io(void *context, unsigned index, struct io **ret_io)
{
    (void)context, (void)index;
    int r = io_epoll_open(HANDOFFS, ret_io);
    if (r < 0)
        return r;
    operations = *(*ret_io)->operations;
    operations.now_ns = now_ns;
    (*ret_io)->operations = &operations;
    return 0;
}

static uint64_t joined(struct hub *hub)
{
    struct stats stats;
    hub_stats(hub, &stats);
    return stats.joined;
}

Test(join, a_turn_has_a_time_for_it)
{
    struct hub_options options;
    struct hub *hub;
    int peers[HANDOFFS];
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = HANDOFFS;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, open_io, NULL), 0);
    struct worker *worker = hub_worker(hub, 0);
    for (unsigned i = 0; i < HANDOFFS; i++) {
        int fds[2];
        struct text channel = TEXT("c");
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        struct subscribe_request request = {
            .fd = fds[0], .before = 1, .channels = &channel, .channel_count = 1};
        cr_assert_eq(hub_subscribe(hub, &request), 0);
        peers[i] = fds[1];
    }
    step_ns = HANDOFF_NS;
    worker_turn(worker);
    uint64_t first = joined(hub);
    cr_assert(first > 0 && first < HANDOFFS / 4, "%lu joined in a turn without time", first);
    step_ns = 0;
    worker_turn(worker);
    cr_assert_eq(joined(hub), HANDOFFS);

    threadless_end(hub);
    for (unsigned i = 0; i < HANDOFFS; i++)
        close(peers[i]);
}
