/* SPDX-License-Identifier: MIT */
/*
 * Presence from several threads: seats are taken and left by many while a thread tells it, and a
 * subscriber of the real hub reads. Whenever all is quiet the last number that it was told is how
 * many are there; the hub is closed in the midst of changes; nothing is left.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/presence.h"
#include "tests/e2e/check.h"
#include "tests/e2e/stream.h"

enum { CHURNERS = 3, HELD = 70, ROUNDS = 8000 };

static struct hub *hub;
static struct presence *presence;
static struct rules *rules;
static struct net_stats counters;
static unsigned long long told[2]; /* the last number of room and hall */

struct churner {
    unsigned seed;
    struct seat *held[HELD];
};

static void *churn(void *argument)
{
    struct churner *churner = argument;
    static const struct text rooms[] = {{"room", 4}, {"hall", 4}};
    static const struct seat_end gone = {.reason = CLOSE_GONE};
    for (unsigned i = 0; i < check_scaled(ROUNDS); i++) {
        struct seat **seat = &churner->held[(unsigned)rand_r(&churner->seed) % HELD];
        if (*seat) {
            *seat = seat_leave(*seat, &gone);
            continue;
        }
        unsigned which = (unsigned)rand_r(&churner->seed) % 3;
        CHECK(presence_seat_new(presence, rules, &rooms[which == 1], which == 2 ? 2 : 1, seat) ==
              0);
        if ((unsigned)rand_r(&churner->seed) % 8)
            seat_taken(*seat, &(struct seat_begin){.subscriber = i + 1});
        else
            *seat = seat_refuse(*seat);
    }
    return NULL;
}

static void on_event(struct stream *stream, const struct stream_event *event)
{
    char name[16], who[32];
    unsigned long long count;
    (void)stream;
    REQUIRE(sscanf(event->data,
                   "{\"channel\": \"%15[a-z]\", \"subscribers\": %llu, \"subscriber\": %31s", name,
                   &count, who) == 3,
            "%s", event->data);
    unsigned which = strcmp(name, "hall") == 0;
    unsigned long long before = told[which];
    REQUIRE(strcmp(event->type, count > before ? "join" : "leave") == 0, "%s: %llu after %llu",
            event->type, count, before);
    REQUIRE(strcmp(who, "null}") == 0 || count + 1 == before || count == before + 1,
            "%s: %llu after %llu", event->data, count, before);
    told[which] = count;
}

/* How many the held seats make in each of the rooms is what is told in the end. */
static void expect_told(struct stream *stream, unsigned long long room, unsigned long long hall)
{
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    struct pollfd ready = {.fd = stream->fd, .events = POLLIN};
    while (told[0] != room || told[1] != hall) {
        REQUIRE(check_now_ms() < due_ms, "told %llu and %llu; there are %llu and %llu", told[0],
                told[1], room, hall);
        (void)poll(&ready, 1, 10);
        REQUIRE(stream_take(stream, 65536), "the stream has ended");
    }
}

static void run_churners(struct churner churners[CHURNERS], pthread_t threads[CHURNERS])
{
    for (unsigned i = 0; i < CHURNERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, churn, &churners[i]) == 0, "no thread");
}

static void leave_all(struct churner churners[CHURNERS])
{
    static const struct seat_end gone = {.reason = CLOSE_GONE};
    for (unsigned i = 0; i < CHURNERS; i++)
        for (unsigned j = 0; j < HELD; j++)
            churners[i].held[j] = seat_leave(churners[i].held[j], &gone);
}

static void subscribe(struct stream *stream)
{
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "%s",
            strerror(errno));
    const struct text channels[] = {TEXT("@presence/room"), TEXT("@presence/hall")};
    struct subscribe_request request = {.fd = fds[1],
                                        .before = hub_next_sequence(hub),
                                        .channels = channels,
                                        .channel_count = 2,
                                        .head = TEXT("Cache-Control: no-store\r\n")};
    REQUIRE(hub_subscribe(hub, &request, NULL) == 0, "hub_subscribe");
    stream_init(stream, fds[0], on_event, NULL);
}

static void case_presence(void)
{
    static struct churner churners[CHURNERS] = {{.seed = 1}, {.seed = 2}, {.seed = 3}};
    static struct stream stream;
    pthread_t threads[CHURNERS];
    struct hub_options options;
    struct stats stats;
    hub_options_default(&options);
    options.workers = 2;
    options.io = check_registers() ? IO_URING : check_on_ring() ? IO_URING_COMPAT : IO_EPOLL;
    REQUIRE(hub_new(&options, &hub) == 0 && hub_start(hub) == 0, "no hub");
    const char *const said[] = {"* presence"};
    const struct rule usual = {.presence = false};
    char error[256];
    REQUIRE(rules_new(said, 1, &usual, &rules, error, sizeof(error)) == 0, "%s", error);
    presence = presence_new(hub, &counters);
    REQUIRE(presence && presence_start(presence) == 0, "no presence");
    subscribe(&stream);
    for (unsigned round = 0; round < 3; round++) {
        run_churners(churners, threads);
        for (unsigned i = 0; i < CHURNERS; i++)
            pthread_join(threads[i], NULL);
        /* One more of each: then it is certain that both numbers are told. */
        const struct text both[] = {TEXT("room"), TEXT("hall")};
        struct seat *seat;
        REQUIRE(presence_seat_new(presence, rules, both, 2, &seat) == 0, "no seat");
        seat_taken(seat, &(struct seat_begin){.subscriber = 7});
        leave_all(churners);
        expect_told(&stream, 1, 1);
        seat_leave(seat, &(struct seat_end){.reason = CLOSE_GONE});
        expect_told(&stream, 0, 0);
    }
    int64_t due_ms = check_now_ms() + DEADLINE_MS; /* the thread lets go after its last event */
    while (presence_channels(presence) > 0 && check_now_ms() < due_ms)
        poll(NULL, 0, 1);
    EXPECT_INT(presence_channels(presence), 0);
    /* In the midst of it. */
    run_churners(churners, threads);
    hub_close(hub);
    presence_stop(presence);
    for (unsigned i = 0; i < CHURNERS; i++)
        pthread_join(threads[i], NULL);
    leave_all(churners);
    hub_stop(hub);
    presence_unref(presence);
    hub_stats(hub, &stats);
    EXPECT_INT(stats.memory_connections, 0);
    EXPECT_INT(counters.presence_told, stats.published);
    printf("   %llu events\n", (unsigned long long)stats.published);
    stream_close(&stream);
    rules = rules_unref(rules);
    hub = hub_free(hub);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("presence", case_presence);
    return check_end();
}
