/* SPDX-License-Identifier: MIT */
/*
 * The floor: the least that delivers the same bytes. It accepts N subscribers, answers each with
 * the engine's response head, and then writes the engine's very frames to all of them in a bare
 * loop: no channels, no inbox, no history, no resume, nobody else to serve. What it costs is
 * what the kernel asks for sends made in that way; the engine is held against it in the same run.
 *
 * Two ways: `each`, one send per event and subscriber, and `all`, one send for all that a
 * subscriber lacks, up to a batch; and with plain send, or with io_uring in submissions of 1,024
 * with the engine's flags and file table. The frames lie in a ring of bytes; a subscriber is a
 * position in it. A full socket is left alone until epoll reports room, and nobody is dropped: the
 * loop makes no new frames while somebody is a whole ring behind.
 *
 * It prints `{"listening": ...}`, then `{"ready": ...}` when all are there, begins on a line on
 * standard input, prints `{"floor": ...}` when everybody has everything, and ends when the input
 * does. Files: floor.c (options, loop), floor_sends.c (the sends).
 */
#include "bench/load/floor.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/marker.h"
#include "bench/load/schedule.h"
#include "engine/frame.h"

enum {
    KEY_SUBSCRIBERS = 256,
    KEY_MODE,
    KEY_IO,
    KEY_BATCH,
};

static const struct argp_option option_table[] = {
    {"subscribers", KEY_SUBSCRIBERS, "N", 0, "Wait for so many (1000)", 0},
    {"mode", KEY_MODE, "each|all", 0, "One send per event, or for all that is pending (each)", 0},
    {"io", KEY_IO, "send|uring", 0, "Plain send, or io_uring (send)", 0},
    {"batch", KEY_BATCH, "BYTES", 0, "The most that one send carries with all (65536)", 0},
    {0},
};

static struct {
    struct floor floor;
    struct schedule schedule;
    int listener, acceptor;
    uint32_t greeted;
    uint32_t frame_len; /* of the latest event */
} self;

static const char response_head[] = "HTTP/1.1 200 OK\r\n"
                                    "Content-Type: text/event-stream\r\n"
                                    "Cache-Control: no-cache, no-transform\r\n"
                                    "X-Accel-Buffering: no\r\n"
                                    "Connection: close\r\n"
                                    "Transfer-Encoding: chunked\r\n"
                                    "Fanfare-Resume: none\r\n"
                                    "\r\n"
                                    "2f\r\n"
                                    "retry: 2000\nid: 000000000000-0000000000000000\n\n\r\n";

static void fail(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- options -------------------------------------------------------------------------------- */

/* True for the first one, false for the other. */
static bool choice_of(const char *text, const char *one, const char *other,
                      struct argp_state *state)
{
    if (strcmp(text, one) != 0 && strcmp(text, other) != 0)
        argp_error(state, "%s is neither %s nor %s", text, one, other);
    return strcmp(text, one) == 0;
}

static error_t take_option(int key, char *text, struct argp_state *state)
{
    switch (key) {
    case KEY_SUBSCRIBERS:
        self.floor.count = (uint32_t)argument_number(text, state);
        return 0;
    case KEY_MODE:
        self.floor.one_event = choice_of(text, "each", "all", state);
        return 0;
    case KEY_IO:
        self.floor.uring = choice_of(text, "uring", "send", state);
        return 0;
    case KEY_BATCH:
        self.floor.batch = (uint32_t)argument_number(text, state);
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self.schedule;
        return 0;
    case ARGP_KEY_END:
        if (!self.floor.count || self.schedule.bytes > FLOOR_RING_BYTES / 4)
            argp_error(state, "--subscribers is 1 at least, --bytes %u at most",
                       FLOOR_RING_BYTES / 4);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- subscribers come ------------------------------------------------------------------------ */

static void listen_somewhere(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    self.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self.listener < 0 || bind(self.listener, (struct sockaddr *)&at, size) < 0 ||
        listen(self.listener, 4096) < 0 ||
        getsockname(self.listener, (struct sockaddr *)&at, &size) < 0)
        fail("listen");
    printf("{\"listening\": \"http://127.0.0.1:%u\"}\n", ntohs(at.sin_port));
    fflush(stdout);
}

static void accept_some(struct floor *floor)
{
    for (int i = 0; i < 64 && floor->accepted < floor->count; i++) {
        int fd = accept4(self.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        if (fd < 0)
            return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = floor->accepted};
        floor->subscribers[floor->accepted++].fd = fd;
        if (epoll_ctl(self.acceptor, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
}

/* The request is read (it comes whole, over loopback) and answered. */
static void greet(struct floor *floor, uint32_t index)
{
    char request[2048];
    int fd = floor->subscribers[index].fd;
    ssize_t got = recv(fd, request, sizeof(request), MSG_DONTWAIT);
    if (got < 4 || memcmp(request + got - 4, "\r\n\r\n", 4) != 0)
        return;
    size_t len = sizeof(response_head) - 1;
    epoll_ctl(self.acceptor, EPOLL_CTL_DEL, fd, NULL);
    if (send(fd, response_head, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
        fail("answer");
    self.greeted++;
}

static void wait_for_subscribers(struct floor *floor)
{
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    self.acceptor = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(self.acceptor, EPOLL_CTL_ADD, self.listener, &event) < 0)
        fail("epoll_ctl");
    while (self.greeted < floor->count) {
        int count = epoll_wait(self.acceptor, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 == UINT32_MAX)
                accept_some(floor);
            else
                greet(floor, events[i].data.u32);
        }
    }
    close(self.acceptor);
    printf("{\"ready\": %u}\n", self.greeted);
    fflush(stdout);
}

/* --- frames --------------------------------------------------------------------------------- */

/* Lays the next frames into the ring, up to `bytes` of them; how many. */
static uint32_t make_frames(struct floor *floor, uint64_t room)
{
    struct schedule *schedule = &self.schedule;
    uint64_t now_us = clock_us(), begin = floor->head;
    uint64_t most = floor->flood && floor->batch < room ? floor->batch : room;
    uint32_t made = 0;
    struct due due;
    struct ids ids;
    ids_init(&ids, 0x123456789abc, NULL);
    while (floor->head - begin + self.frame_len + FRAME_SLACK <= most &&
           schedule_take(schedule, now_us, &due)) {
        struct event event = {
            .channel = TEXT("bench"), .data = {schedule->data, schedule->bytes}, .retry_ms = -1};
        struct frame *frame;
        if (frame_new(&event, 0, &frame) != 0)
            fail("frame");
        frame_stamp(frame, &ids, schedule->made);
        self.frame_len = frame->len;
        floor_lay(floor, frame->bytes, frame->len);
        frame_unref(frame);
        made++;
    }
    return made;
}

static void run(struct floor *floor)
{
    struct schedule *schedule = &self.schedule;
    floor->flood = schedule->rate <= 0 && !schedule->burst;
    schedule_begin(schedule);
    for (;;) {
        uint64_t lag = floor->head - floor->tail;
        make_frames(floor, FLOOR_RING_BYTES - lag);
        bool sent = floor_sends(floor);
        if (schedule_is_over(schedule, clock_us()) && floor->tail == floor->head)
            return;
        if (sent)
            continue;
        uint64_t next_us = schedule_next_us(schedule), now_us = clock_us();
        bool waits = floor->tail < floor->head; /* for room in sockets */
        int64_t wait_us = waits ? 100000 : next_us > now_us ? (int64_t)(next_us - now_us) : 0;
        floor_wait(floor, wait_us);
    }
}

int main(int argc, char **argv)
{
    static const struct argp_child children[] = {{&schedule_argp, 0, "What and when:", 0}, {0}};
    static const struct argp argp = {
        .children = children,
        .options = option_table,
        .parser = take_option,
        .doc = "A bare loop that writes Fanfare's frames: the limit to measure it against.",
    };
    struct floor *floor = &self.floor;
    *floor = (struct floor){.count = 1000, .batch = 65536, .one_event = true};
    self.schedule = (struct schedule){.bytes = 128, .channels = 1, .pause_ms = 1500};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    floor_open(floor);
    listen_somewhere();
    wait_for_subscribers(floor);
    floor_begin(floor);
    char line[64];
    if (!fgets(line, sizeof(line), stdin))
        return 1;
    run(floor);
    uint64_t wall_us = clock_us() - self.schedule.begin_us;
    int r = schedule_write_finals(&self.schedule);
    if (r < 0)
        fprintf(stderr, "floor: %s: %s\n", self.schedule.finals, strerror(-r));
    printf("{\"floor\": {\"events\": %llu, \"seconds\": %.6f, \"sends\": %llu, \"short\": %llu, "
           "\"bytes\": %llu, \"lost\": %u}}\n",
           (unsigned long long)self.schedule.made, (double)wall_us / 1e6,
           (unsigned long long)floor->sends, (unsigned long long)floor->shorts,
           (unsigned long long)floor->bytes, floor->lost);
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin))
        ;
    return r < 0;
}
