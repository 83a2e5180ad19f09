/* SPDX-License-Identifier: MIT */
/* Hand-offs: a turn that has spent its time on some of them leaves the others to the next one. */
#include <criterion/criterion.h>
#include <errno.h>
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
        cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
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

/* A hub that stops before a hand-off's time has come: who would come back after a 200 alone gets
 * one, with its place in the order. */
Test(join, who_cannot_be_had_is_told_when_to_come_back)
{
    struct hub_options options;
    struct hub *hub;
    int fds[2][2];
    char bytes[2][2048] = {{0}};
    struct text channel = TEXT("c");
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = HANDOFFS;
    options.drain_timeout_ms = 0;
    options.retry_ms = 3000;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, open_io, NULL), 0);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds[i]), 0);
        struct subscribe_request request = {.fd = fds[i][0],
                                            .before = 16,
                                            .channels = &channel,
                                            .channel_count = 1,
                                            .head = TEXT("X: y\r\n"),
                                            .puts_off = i == 0};
        cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    }
    worker_turn(hub_worker(hub, 0));
    step_ns = 1000000;
    threadless_end(hub);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_gt(recv(fds[i][1], bytes[i], sizeof(bytes[i]) - 1, 0), 0);
        cr_assert_not_null(strstr(bytes[i], "\r\nX: y\r\n"), "%s", bytes[i]);
        close(fds[i][1]);
    }
    cr_assert_eq(strncmp(bytes[0], "HTTP/1.1 200 ", 13), 0, "%s", bytes[0]);
    cr_assert_not_null(strstr(bytes[0], "\r\nFanfare-Refused: drain\r\n"), "%s", bytes[0]);
    cr_assert_not_null(strstr(bytes[0], "retry: 3000\nid: "), "%s", bytes[0]);
    cr_assert_not_null(strstr(bytes[0], "-000000000000000f\n\n\r\n0\r\n\r\n"), "%s", bytes[0]);
    cr_assert_eq(strncmp(bytes[1], "HTTP/1.1 503 ", 13), 0, "%s", bytes[1]);
    cr_assert_not_null(strstr(bytes[1], "\r\nRetry-After: 4\r\n"), "%s", bytes[1]);
}

struct counted_seat {
    struct seat seat; /* first */
    unsigned taken, left;
    struct seat_begin begin;
    struct seat_end end;
};

static void count_taken(struct seat *seat, const struct seat_begin *begin)
{
    ((struct counted_seat *)seat)->taken++;
    ((struct counted_seat *)seat)->begin = *begin;
}

static void count_leave(struct seat *seat, const struct seat_end *end)
{
    ((struct counted_seat *)seat)->left++;
    ((struct counted_seat *)seat)->end = *end;
}

/* Of a stream that ends, of one that nobody could have, and of one that was never handed over. */
Test(join, a_seat_is_left_once)
{
    struct hub_options options;
    struct hub *hub;
    int fds[3][2];
    struct counted_seat second = {.seat = {.leave = count_leave}};
    struct counted_seat seats[3] = {
        {.seat = {.next = &second.seat, .taken = count_taken, .leave = count_leave}},
        {.seat = {.taken = count_taken, .leave = count_leave}},
        {.seat = {.taken = count_taken, .leave = count_leave}}};
    struct text channel = TEXT("c");
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = HANDOFFS;
    options.drain_timeout_ms = 0;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, open_io, NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds[i]), 0);
        struct subscribe_request request = {.fd = fds[i][0],
                                            .before = i == 1 ? 16 : 1,
                                            .channels = &channel,
                                            .channel_count = 1,
                                            .seat = &seats[i].seat};
        if (i == 2)
            hub_close(hub);
        cr_expect_eq(hub_subscribe(hub, &request, NULL), i == 2 ? -ESHUTDOWN : 0);
    }
    worker_turn(hub_worker(hub, 0));
    cr_expect_eq(joined(hub), 1);
    cr_expect_eq(seats[0].left + seats[1].left, 0, "it is still there");
    step_ns = 1000000;
    threadless_end(hub);
    cr_expect_eq(seats[0].left, 1);
    cr_expect_eq(seats[1].left, 1);
    cr_expect_eq(seats[2].left, 0, "the caller's own");
    cr_expect_eq(seats[0].taken, 1);
    cr_expect_eq(seats[1].taken, 0);
    cr_expect_eq(seats[0].end.reason, CLOSE_CUT);
    cr_expect_eq(seats[1].end.reason, CLOSE_REFUSED);
    cr_expect_eq(second.left, 1, "all of a chain are told");
    for (unsigned i = 0; i < 3; i++)
        close(fds[i][1]);
    close(fds[2][0]);
}

/* Asks for what comes after this id of the hub's (0: after none), or for the last so many. */
static struct seat_begin begin_after(struct hub *hub, uint64_t sequence, uint32_t last)
{
    int fds[2];
    char id[ID_LEN];
    struct text channel = TEXT("c");
    struct counted_seat seat = {.seat = {.taken = count_taken, .leave = count_leave}};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    id_format(id, hub_ids(hub), sequence);
    struct subscribe_request request = {.fd = fds[0],
                                        .before = hub_next_sequence(hub),
                                        .channels = &channel,
                                        .channel_count = 1,
                                        .has_resume = sequence > 0,
                                        .resume = {id, sequence > 0 ? sizeof(id) : 0},
                                        .last = last,
                                        .seat = &seat.seat};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    threadless_turns(hub_worker(hub, 0));
    close(fds[1]);
    threadless_turns(hub_worker(hub, 0));
    cr_assert_eq(seat.taken, 1);
    cr_assert_eq(seat.left, 1);
    return seat.begin;
}

Test(join, a_seat_is_told_where_its_stream_begins)
{
    struct hub_options options;
    struct hub *hub;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    options.history_events = 2;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    for (uint64_t i = 1, sequence; i <= 5; i++) {
        struct event event = {.channel = TEXT("c"), .data = TEXT("x")};
        struct frame *frame;
        cr_assert_eq(hub_frame(hub, &event, &frame), 0);
        cr_assert_eq(hub_publish(hub, &frame, 1, &sequence), 0);
        threadless_turns(hub_worker(hub, 0));
    }
    struct seat_begin begin = begin_after(hub, 0, 0);
    cr_expect_eq(begin.resume, SEAT_ANEW);
    cr_expect_eq(begin.cursor, 5);
    begin = begin_after(hub, 0, 1);
    cr_expect_eq(begin.resume, SEAT_ANEW);
    cr_expect_eq(begin.cursor, 4);
    begin = begin_after(hub, 4, 0);
    cr_expect_eq(begin.resume, SEAT_RESUMED);
    cr_expect_eq(begin.cursor, 4);
    begin = begin_after(hub, 1, 0);
    cr_expect_eq(begin.resume, SEAT_GAP);
    cr_expect_eq(begin.cursor, 3, "what is told to be lost is not to come");
    begin = begin_after(hub, 99, 0);
    cr_expect_eq(begin.resume, SEAT_GAP, "an id that was never given");
    threadless_end(hub);
}
