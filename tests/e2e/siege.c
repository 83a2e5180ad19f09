/* SPDX-License-Identifier: MIT */
/*
 * The flood of all floods: publishers that never pause, 1,000 readers that check every event, 50
 * clients that never read, and 20 readers a second that are cut off and come back with their last
 * id. Nobody who reads is dropped, nobody misses an event or gets one twice, across connections,
 * and the server's memory stays flat.
 *
 *   E2E_SECONDS=60 E2E_PROGRAM=build/fanfare build/tests/e2e/e2e_siege uring
 *
 * Four feeds offer what the kernel takes, without acknowledgements; what the server takes is what
 * its slowest reader that still counts as reading can follow.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define FEEDS           4u
#define READERS         1000u
#define STOPPED         50u
#define RECONNECT_EACH  50 /* ms: 20 a second */
#define DATA_BYTES      128
#define HISTORY         "24M" /* half of it is for who comes back: some 10 MB lie in a connection */
#define FLAT_AFTER_PART 6     /* memory is flat after a sixth of the time: 10 s of 60 */
#define FLAT_BYTES      (24l << 20)

static struct server server;
static int64_t end_ms;
static _Atomic uint64_t offered[FEEDS];
static _Atomic unsigned running;
static _Atomic int64_t longest_wait_ms; /* of a feed, for one event */
static uint64_t (*next_number)[FEEDS];  /* by reader: what must come */
static uint64_t deliveries, gaps;

/* Writes whole events until the time is over, then ends its input and waits for the server to
 * close, so that everything it wrote was published. */
static void *feed_run(void *argument)
{
    unsigned feed = (unsigned)(uintptr_t)argument;
    struct client client;
    char text[256 + DATA_BYTES], rest[64];
    uint64_t number = 0;
    client_open_feed(&client, &server);
    while (check_now_ms() < end_ms) {
        int len = snprintf(text, sizeof(text), "channel: siege\ndata: %u %llu ", feed,
                           (unsigned long long)number);
        memset(text + len, 'x', DATA_BYTES);
        memcpy(text + len + DATA_BYTES, "\n\n", 2);
        int64_t begin = check_now_ms();
        REQUIRE(client_send(&client, text, (size_t)len + DATA_BYTES + 2), "feed %u was closed",
                feed);
        int64_t waited = check_now_ms() - begin;
        if (waited > longest_wait_ms)
            longest_wait_ms = waited;
        number++;
    }
    shutdown(client.fd, SHUT_WR);
    struct pollfd ready = {.fd = client.fd, .events = POLLIN};
    REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1 && read(client.fd, rest, sizeof(rest)) == 0,
            "feed %u was answered", feed);
    offered[feed] = number;
    client_close(&client);
    running--;
    return NULL;
}

static void on_event(struct stream *stream, const struct stream_event *event)
{
    unsigned feed;
    unsigned long long number;
    if (strcmp(event->type, "fanfare-gap") == 0) {
        gaps++;
        EXPECT(false, "reader %u is told of a gap: %s", stream->number, event->data);
        return;
    }
    REQUIRE(sscanf(event->data, "%u %llu ", &feed, &number) == 2 && feed < FEEDS, "event \"%.40s\"",
            event->data);
    uint64_t *next = &next_number[stream->number][feed];
    /* A first connection begins anywhere in each feed, and is gapless from there. */
    if (*next == 0)
        *next = number;
    REQUIRE(number == *next, "reader %u, feed %u: event %llu (id %s), wanted %llu", stream->number,
            feed, number, event->id, (unsigned long long)*next);
    (*next)++;
    deliveries++;
}

struct memory {
    int64_t from_ms; /* looked at from then on */
    int64_t due_ms;
    long first, highest;
};

static void memory_look(struct memory *memory)
{
    int64_t now = check_now_ms();
    if (now < memory->due_ms)
        return;
    memory->due_ms = now + 500;
    long bytes = server_memory(&server);
    if (now >= memory->from_ms && !memory->first)
        memory->first = bytes;
    if (now >= memory->from_ms && bytes > memory->highest)
        memory->highest = bytes;
}

/* Every reader has the last event of every feed. */
static bool all_have_all(void *context)
{
    const struct crowd *crowd = context;
    if (running)
        return false;
    for (unsigned i = 0; i < crowd->count; i++)
        for (unsigned feed = 0; feed < FEEDS; feed++)
            if (next_number[i][feed] != offered[feed])
                return false;
    return true;
}

static void run_flood(struct crowd *crowd, struct memory *memory, unsigned *ret_reconnects)
{
    int64_t next_reconnect = check_now_ms() + RECONNECT_EACH;
    unsigned index = 0, reconnects = 0;
    while (check_now_ms() < end_ms) {
        crowd_turn(crowd, 10);
        memory_look(memory);
        REQUIRE(crowd->closed == 0, "%u readers were closed; closed_slow is %lld", crowd->closed,
                server_stat(&server, "closed_slow"));
        for (; check_now_ms() >= next_reconnect; next_reconnect += RECONNECT_EACH) {
            /* One that has begun: before its first event a reader has no place to be checked by. */
            if (crowd->streams[index].seen)
                reconnects++, crowd_reconnect(crowd, &server, index, "/events/siege");
            index = (index + 1) % crowd->count;
        }
    }
    *ret_reconnects = reconnects;
}

static void case_siege(void)
{
    /* In a short run all that is published must still be read by everybody: fewer readers then. */
    unsigned readers = check_scaled(check_seconds() < 30 ? READERS / 10 : READERS), reconnects = 0;
    pthread_t threads[FEEDS];
    struct crowd crowd;
    struct client stopped[STOPPED];
    uint64_t total = 0;
    next_number = calloc(readers, sizeof(*next_number));
    crowd_open(&crowd, &server, readers, "/events/siege", on_event, NULL);
    for (unsigned i = 0; i < STOPPED; i++) {
        client_open(&stopped[i], &server);
        static const char request[] = "GET /events/siege HTTP/1.1\r\nHost: t\r\n\r\n";
        REQUIRE(client_send(&stopped[i], request, sizeof(request) - 1), "a stopped client");
    }
    server_await(&server, "subscribers", true, readers + STOPPED);
    int64_t start = check_now_ms();
    end_ms = start + check_seconds() * 1000;
    struct memory memory = {.from_ms = start + (end_ms - start) / FLAT_AFTER_PART};
    running = FEEDS;
    for (uintptr_t i = 0; i < FEEDS; i++)
        pthread_create(&threads[i], NULL, feed_run, (void *)i);
    run_flood(&crowd, &memory, &reconnects);
    crowd_run(&crowd, "the rest", all_have_all, &crowd);
    for (unsigned i = 0; i < FEEDS; i++) {
        pthread_join(threads[i], NULL);
        total += offered[i];
    }
    printf(
        "   %llu events in %lld s to %u readers: %llu deliveries, 0 missing; %u reconnects, %llu "
        "gaps; history %s; memory %.1f MiB, at most %.1f MiB later\n",
        (unsigned long long)total, (long long)check_seconds(), readers,
        (unsigned long long)deliveries, reconnects, (unsigned long long)gaps, HISTORY,
        (double)memory.first / (1 << 20), (double)memory.highest / (1 << 20));
    printf("   a feed waited at most %lld ms; server: closed_slow %lld, became_slow %lld, "
           "resumed %lld\n",
           (long long)longest_wait_ms, server_stat(&server, "closed_slow"),
           server_stat(&server, "became_slow"), server_stat(&server, "resumed"));
    EXPECT(server_stat(&server, "closed_slow") <= STOPPED, "readers were closed");
    EXPECT_INT(gaps, 0);
    EXPECT(reconnects > 0, "nobody reconnected");
    /* In a short run the history is still filling. */
    if (!CHECK_SANITIZED && check_seconds() >= 30)
        EXPECT(memory.highest - memory.first < FLAT_BYTES, "memory grew by %ld bytes",
               memory.highest - memory.first);
    for (unsigned i = 0; i < STOPPED; i++)
        client_close(&stopped[i]);
    crowd_close(&crowd);
    free(next_number);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-bytes", HISTORY,
                                         "--history-events", "1000000"));
    check_case("siege", case_siege);
    server_stop(&server);
    return check_end();
}
