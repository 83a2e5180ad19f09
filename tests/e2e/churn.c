/* SPDX-License-Identifier: MIT */
/*
 * Very many joins and leaves, in every way that a client can leave: it closes, resets, ends its own
 * side and reads on, each of it while nothing is sent and while events are on their way, or while
 * the server is blocked in the middle of one; and some leave before they are answered.
 *
 * Afterwards the server holds what it held before: no descriptor, socket, subscriber or byte more,
 * and nothing of it waits for a close. What a socket costs the kernel is counted there (balance.h),
 * since one that only a request of io_uring holds has no descriptor.
 *
 *   E2E_JOINS=1000000 E2E_PROGRAM=build/fanfare build/tests/e2e/e2e_churn uring
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/balance.h"
#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define JOINS     6000u
#define SEATS     400u  /* clients at a time */
#define ADDRESSES 1000u /* of 127.0.0.0/8: each has ports for some 28,000 connections a minute */
#define WAVE      64u   /* so many wait for an event, and one is published */
/* Sockets that others on the machine may open meanwhile, where they are counted. */
#define OTHERS_MAX 64
/* What malloc may keep of the most that there was at a time, history and what is in flight; of a
 * million joins it is eight bytes each. */
#define RESIDENT_MORE (8l << 20)
/* More than lies in the two sockets of a client that does not read. */
#define WIDE_BYTES    200000u
#define WIDE_RECEIVES 4096 /* SO_RCVBUF */
#define SEND_BUFFER   "16K"

enum moment {
    AT_ONCE, /* the request is sent, nothing is read */
    JOINED,  /* the head and the first block are read */
    REACHED, /* its first event is there, and more may be on their way */
};
enum manner { CLOSES, RESETS, HALF_CLOSES };
enum channel { QUIET, BUSY, WIDE, CHANNELS };

static const struct way {
    enum moment moment;
    enum manner manner;
    enum channel channel;
    bool reads; /* what is there before it leaves */
} ways[] = {
    {JOINED, CLOSES, QUIET, true},      {JOINED, RESETS, QUIET, true},
    {JOINED, HALF_CLOSES, QUIET, true}, {REACHED, CLOSES, BUSY, true},
    {REACHED, CLOSES, BUSY, false},     {REACHED, RESETS, BUSY, false},
    {REACHED, HALF_CLOSES, BUSY, true}, {REACHED, CLOSES, WIDE, false},
    {REACHED, RESETS, WIDE, false},     {AT_ONCE, CLOSES, BUSY, false},
    {AT_ONCE, RESETS, QUIET, false},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct seat {
    struct stream stream;
    const struct way *way;
    unsigned wave;      /* the event that it waits for */
    bool joined, ended; /* ended: its own side */
};

/* One case: so many joins, left again in some of the ways. */
struct churn {
    const struct way *ways;
    unsigned way_count;
    unsigned wanted, joins; /* joins in all, and so far */
    unsigned begun;         /* those that will be one */
    unsigned opened, open;  /* connections, and how many there are now */
    struct wave {
        unsigned number;  /* of events published */
        unsigned waiting; /* for the next one */
        unsigned owed;    /* the last one: they have not left yet */
    } waves[CHANNELS];
    int64_t begin_ms, progress_ms;
};

static struct server server;
static struct client feed;
static struct balance before;
static struct seat *seats;
static int epoll_fd;
static long slack;
static const char *const targets[CHANNELS] = {"/events/quiet", "/events/busy", "/events/wide"};

static unsigned joins_in_all(void)
{
    const char *text = getenv("E2E_JOINS");
    int joins = text ? atoi(text) : 0;
    return joins > 0 ? (unsigned)joins : check_scaled(JOINS);
}

static void ignore(struct stream *stream, const struct stream_event *event)
{
    (void)stream;
    (void)event;
}

/* --- publishing ---------------------------------------------------------------------------- */

/* Over a feed and without receipts; it says something only when an event is refused. */
static void publish_event(const char *channel, size_t bytes)
{
    static char text[WIDE_BYTES + 100];
    int len = snprintf(text, sizeof(text), "channel: %s\ndata: ", channel);
    memset(text + len, 'x', bytes);
    memcpy(text + len + bytes, "\n\n", 2);
    REQUIRE(client_send(&feed, text, (size_t)len + bytes + 2), "the feed was closed");
}

/* Everybody who waits is reached by it; several of the small ones, so that who leaves at the first
 * leaves while others are sent to it. Not before all have left whom the last one was for, or the
 * server would hold publishers for clients that do not read. */
static void publish_wave(struct wave *wave, enum channel channel, unsigned least)
{
    if (wave->owed || wave->waiting < least)
        return;
    wave->owed = wave->waiting;
    wave->waiting = 0;
    wave->number++;
    for (unsigned i = 0; channel == BUSY && i < 3; i++)
        publish_event("busy", 100);
    if (channel == WIDE)
        publish_event("wide", WIDE_BYTES);
}

/* --- one client ---------------------------------------------------------------------------- */

/* False: it stays, to read until the server ends the stream. */
static bool seat_leave(struct seat *seat)
{
    static const struct linger none = {.l_onoff = 1, .l_linger = 0};
    if (seat->way->manner == HALF_CLOSES) {
        seat->ended = true;
        shutdown(seat->stream.fd, SHUT_WR);
        return false;
    }
    if (seat->way->manner == RESETS)
        setsockopt(seat->stream.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    stream_close(&seat->stream);
    return true;
}

/* Those who leave at once make place for the next. */
static void seat_open(struct churn *churn, struct seat *seat)
{
    static const int receives = WIDE_RECEIVES;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = seat};
    while (churn->begun < churn->wanted) {
        unsigned number = churn->opened++;
        const struct way *way = &churn->ways[number % churn->way_count];
        int fd = connect_tcp(&server, 1 + number % ADDRESSES);
        *seat = (struct seat){.way = way};
        stream_init(&seat->stream, fd, ignore, NULL);
        if (way->channel == WIDE)
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receives, sizeof(receives));
        stream_send_request(&seat->stream, targets[way->channel], NULL);
        if (way->moment == AT_ONCE) {
            seat_leave(seat);
            continue;
        }
        REQUIRE(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll: %s", strerror(errno));
        churn->begun++;
        churn->open++;
        return;
    }
}

/* Reads what is there, if this way does, and says whether it is to leave now. */
static bool seat_reads(struct churn *churn, struct seat *seat)
{
    struct stream *stream = &seat->stream;
    if (!seat->joined || seat->way->reads)
        REQUIRE(stream_take(stream, 65536), "closed, way %zu, after %llu events",
                (size_t)(seat->way - ways), (unsigned long long)stream->seen);
    if (seat->joined)
        return !seat->way->reads || stream->seen;
    if (!stream->last_id[0])
        return false;
    EXPECT_INT(stream->status, 200);
    seat->joined = true;
    churn->joins++;
    if (seat->way->moment == JOINED || stream->seen)
        return true;
    struct wave *wave = &churn->waves[seat->way->channel];
    seat->wave = wave->number + 1;
    wave->waiting++;
    return false;
}

/* It waits no longer; one that joined just before an event may have it early. */
static void seat_reached(struct churn *churn, struct seat *seat)
{
    struct wave *wave = &churn->waves[seat->way->channel];
    if (seat->wave)
        *(seat->wave > wave->number ? &wave->waiting : &wave->owed) -= 1;
    seat->wave = 0;
}

static void seat_turn(struct churn *churn, struct seat *seat)
{
    if (seat->ended) {
        if (stream_take(&seat->stream, 65536))
            return;
        EXPECT(!seat->stream.reset, "a stream that was half-closed was reset");
        stream_close(&seat->stream);
    } else {
        if (!seat_reads(churn, seat))
            return;
        seat_reached(churn, seat);
        if (!seat_leave(seat))
            return;
    }
    churn->open--;
    churn->progress_ms = check_now_ms();
    seat_open(churn, seat);
}

/* --- the cases ----------------------------------------------------------------------------- */

static void tell_progress(struct churn *churn, unsigned joins_before)
{
    const unsigned step = 100000;
    if (churn->joins / step != joins_before / step && churn->joins < churn->wanted)
        printf("   ... %u of %u after %.1f s, %.1f MiB resident\n", churn->joins, churn->wanted,
               (double)(check_now_ms() - churn->begin_ms) / 1000,
               (double)server_memory(&server) / (1 << 20));
}

/* Events are published when enough wait for them, or when nothing else happens. */
static void churn_turn(struct churn *churn)
{
    struct epoll_event events[SEATS];
    bool ready = churn->waves[BUSY].waiting || churn->waves[WIDE].waiting;
    int count = epoll_wait(epoll_fd, events, SEATS, ready ? 0 : 100);
    REQUIRE(count >= 0 || errno == EINTR, "epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++)
        seat_turn(churn, events[i].data.ptr);
    for (enum channel channel = BUSY; channel < CHANNELS; channel++)
        publish_wave(&churn->waves[channel], channel, count ? WAVE : 1);
}

static void churn_run(struct churn *churn)
{
    churn->begin_ms = churn->progress_ms = check_now_ms();
    client_open_feed(&feed, &server);
    for (unsigned i = 0; i < SEATS; i++)
        seat_open(churn, &seats[i]);
    while (churn->open) {
        unsigned joins = churn->joins;
        churn_turn(churn);
        tell_progress(churn, joins);
        REQUIRE(check_now_ms() - churn->progress_ms < DEADLINE_MS,
                "nobody joined or left for %d ms; %u joins, %u connections are open", DEADLINE_MS,
                churn->joins, churn->open);
    }
    /* Whatever it says would be that an event was refused. */
    client_finish(&feed);
    EXPECT(client_ends(&feed), "the feed said: %.*s", (int)feed.len, feed.bytes);
    client_close(&feed);
}

static void run_ways(const struct way *first, size_t count, unsigned joins)
{
    struct churn churn = {.ways = first, .way_count = (unsigned)count, .wanted = joins};
    struct balance after;
    long long joined = server_stat(&server, "joined");
    long cpu_ms = server_cpu_ms(&server);
    churn_run(&churn);
    server_await(&server, "subscribers", false, 0);
    double seconds = (double)(check_now_ms() - churn.begin_ms) / 1000;
    double each_us = (double)(server_cpu_ms(&server) - cpu_ms) * 1000 / joins;
    EXPECT_INT(churn.joins, joins);
    EXPECT(server_stat(&server, "joined") - joined >= joins, "%lld joins were counted",
           server_stat(&server, "joined") - joined);
    balance_expect(&server, &before, slack, RESIDENT_MORE, &after);
    printf("   %u joins and leaves, %u others that left at once, in %.1f s: %.1f us of the "
           "server's processor time each\n",
           joins, churn.opened - churn.begun, seconds, each_us);
    printf("   descriptors %+d, sockets %+ld, TCP in use %+ld, on the machine %+ld, CLOSE_WAIT %u, "
           "TIME_WAIT %ld; memory %+lld B, resident %+ld KiB\n",
           (int)(after.descriptors - before.descriptors), after.used - before.used,
           after.inuse - before.inuse, after.alloc - before.alloc,
           after.states[TCP_STATE_CLOSE_WAIT], after.time_wait,
           after.memory_bytes - before.memory_bytes,
           (after.resident_bytes - before.resident_bytes) / 1024);
}

static void case_quiet(void)
{
    run_ways(ways, 3, joins_in_all() / 4);
}

static void case_busy(void)
{
    run_ways(ways + 3, 4, joins_in_all() / 4);
}

static void case_blocked(void)
{
    run_ways(ways + 7, 2, joins_in_all() / 20);
}

/* What is left of all the joins. */
static void case_mixed(void)
{
    unsigned joins = joins_in_all();
    run_ways(ways, WAYS, joins - joins / 4 - joins / 4 - joins / 20);
}

/* Everything is there once before it is counted: as many clients at a time as ever, each way and
 * each address. */
static void warm_up(void)
{
    struct churn churn = {.ways = ways, .way_count = WAYS, .wanted = 2 * ADDRESSES};
    churn_run(&churn);
    balance_take(&server, &before);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    bool isolated = balance_isolate();
    slack = isolated ? 0 : OTHERS_MAX;
    if (!isolated)
        printf("a network of its own is not permitted: other programs' sockets are counted, too\n");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    seats = calloc(SEATS, sizeof(*seats));
    REQUIRE(epoll_fd >= 0 && seats, "%s", strerror(errno));
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-age", "1", "--history-bytes",
                                         "4M", "--send-buffer", SEND_BUFFER));
    warm_up();
    check_case("quiet", case_quiet);
    check_case("busy", case_busy);
    check_case("blocked", case_blocked);
    check_case("mixed", case_mixed);
    server_stop(&server);
    free(seats);
    close(epoll_fd);
    return check_end();
}
