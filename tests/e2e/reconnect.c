/* SPDX-License-Identifier: MIT */
/*
 * 10,000 subscribers all come back at once, each with the last id it has, while events flow: they
 * are served, and none of them misses an event or has one twice. How long it took is printed, with
 * the processor time of the server; the clients share the machine's cores with it.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define CLIENTS 10000u
/* An event is published each time so many have come back. */
#define EVENT_EVERY  1000u
#define FIRST_EVENTS 5u

#define UNDER_WAY 1024u /* connected and without a head yet: the listener's queue is bounded */

static unsigned *next;
static struct server server;
static atomic_uint flowed, running;
static atomic_bool stop_flow;
static int permits; /* eventfd: one for each event that shall be published */

static void on_numbered(struct stream *stream, const struct stream_event *event)
{
    unsigned number = 0;

    REQUIRE(strcmp(event->type, "message") == 0 && sscanf(event->data, "%u", &number) == 1 &&
                number == next[stream->number],
            "client %u: %s \"%.100s\", wanted event %u", stream->number, event->type, event->data,
            next[stream->number]);
    next[stream->number]++;
}

static void permit(uint64_t count)
{
    REQUIRE(write(permits, &count, sizeof(count)) == sizeof(count), "eventfd");
}

/* Events flow, as they are permitted. */
static void *flow(void *argument)
{
    struct stream stream;
    struct client client;
    char data[32];

    (void)argument;
    stream_open(&stream, &server, "/events/flow", NULL);
    stream_await_id(&stream);
    client_open(&client, &server);
    for (;;) {
        struct pollfd ready = {.fd = permits, .events = POLLIN};
        uint64_t one;
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "no permit");
        REQUIRE(read(permits, &one, sizeof(one)) == sizeof(one), "eventfd");
        if (stop_flow)
            break;
        snprintf(data, sizeof(data), "%u", flowed);
        publish(&client, "flow", data, NULL);
        flowed++;
        stream_expect(&stream, "message", data, NULL);
    }
    client_close(&client);
    stream_close(&stream);
    running--;
    return NULL;
}

static bool some_flowed(void *context)
{
    (void)context;
    return flowed >= FIRST_EVENTS;
}

static bool all_heads(void *context)
{
    struct crowd *crowd = context;

    return crowd->closed || crowd->heads == crowd->count;
}

static bool all_numbered(void *context)
{
    struct crowd *crowd = context;

    if (crowd->closed || running)
        return crowd->closed;
    for (unsigned i = 0; i < crowd->count; i++)
        if (next[i] < flowed)
            return false;
    return true;
}

static void case_reconnects(void)
{
    unsigned clients = check_scaled(CLIENTS);
    struct crowd crowd;
    pthread_t thread;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--connections-max", "1000"));
    next = calloc(clients, sizeof(*next));
    crowd_open(&crowd, &server, clients, "/events/flow", on_numbered, NULL);
    flowed = 0;
    stop_flow = false;
    running = 1;
    permits = eventfd(FIRST_EVENTS, EFD_CLOEXEC | EFD_SEMAPHORE);
    pthread_create(&thread, NULL, flow, NULL);
    crowd_run(&crowd, "the first events", some_flowed, NULL);
    unsigned before = flowed;
    int64_t start = check_now_ms();
    long cpu_ms = server_cpu_ms(&server);
    crowd.heads = 0;
    for (unsigned i = 0; i < clients; i++) {
        while (i - crowd.heads >= UNDER_WAY)
            crowd_turn(&crowd, 100);
        if (i % (clients / (CLIENTS / EVENT_EVERY)) == 0)
            permit(1);
        REQUIRE(crowd.streams[i].last_id[0], "client %u has no id", i);
        crowd_reconnect(&crowd, &server, i, "/events/flow");
    }
    crowd_run(&crowd, "heads", all_heads, &crowd);
    int64_t took = check_now_ms() - start;
    cpu_ms = server_cpu_ms(&server) - cpu_ms;
    unsigned meanwhile = flowed - before;
    stop_flow = true;
    permit(1);
    crowd_run(&crowd, "the rest", all_numbered, &crowd);
    pthread_join(thread, NULL);
    printf(
        "   %u reconnects with resume in %lld ms (%lld a second, %ld ms of the server's processor "
        "time), %u events meanwhile; each client has all %u, none twice\n",
        clients, (long long)took, (long long)clients * 1000 / (took ? took : 1), cpu_ms, meanwhile,
        flowed);
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(server_stat(&server, "resumed"), clients);
    EXPECT_INT(server_stat(&server, "gaps_told"), 0);
    EXPECT(meanwhile > 0, "no event came meanwhile");
    EXPECT(check_slow() || took < 10000, "%lld ms", (long long)took);
    crowd_close(&crowd);
    free(next);
    close(permits);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("reconnects", case_reconnects);
    return check_end();
}
