/* SPDX-License-Identifier: MIT */
/*
 * Channels that end while several threads publish to them, on a hub without subscribers: every
 * event that is acknowledged has its place before its channel's end, and the others are refused.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/hub.h"
#include "tests/e2e/check.h"

#define PUBLISHERS 3u

static struct hub *hub;
static unsigned rounds;
static pthread_barrier_t round_begins, round_ends;
static uint64_t end_sequence, latest[PUBLISHERS];

/* HUB_ENDED, or 0 and its sequence. */
static int publish(unsigned round, bool ends, uint64_t *ret_sequence)
{
    char name[32];
    int len = snprintf(name, sizeof(name), "job %u", round);
    struct event event = {
        .channel = {name, (size_t)len}, .data = TEXT("token"), .retry_ms = -1, .ends = ends};
    struct frame *frame = NULL;
    int r = hub_frame(hub, &event, &frame);
    REQUIRE(r == 0, "hub_frame gives %d", r);
    do
        r = hub_publish(hub, &frame, 1, ret_sequence);
    while (r == HUB_BUSY);
    if (r != 0)
        frame_unref(frame);
    REQUIRE(r == 0 || r == HUB_ENDED, "hub_publish gives %d", r);
    return r;
}

static void *publisher_main(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument;
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t sequence;
        pthread_barrier_wait(&round_begins);
        latest[number] = 0;
        while (publish(round, false, &sequence) == 0)
            latest[number] = sequence;
        pthread_barrier_wait(&round_ends);
    }
    return NULL;
}

static void play(unsigned round)
{
    pthread_barrier_wait(&round_begins);
    for (unsigned i = 0; i < round % 64; i++) {
        uint64_t sequence;
        REQUIRE(publish(round, false, &sequence) == 0, "round %u has ended too early", round);
    }
    REQUIRE(publish(round, true, &end_sequence) == 0, "round %u has ended already", round);
    pthread_barrier_wait(&round_ends);
    for (unsigned i = 0; i < PUBLISHERS; i++)
        EXPECT(latest[i] < end_sequence,
               "round %u: event %llu is acknowledged, and its channel ended at %llu", round,
               (unsigned long long)latest[i], (unsigned long long)end_sequence);
}

static void case_ends(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 2;
    options.io = IO_EPOLL;
    options.worker_subscribers = 16;
    options.history_events = 10;
    rounds = check_scaled(800);
    REQUIRE(hub_new(&options, &hub) == 0 && hub_start(hub) == 0, "no hub");
    pthread_barrier_init(&round_begins, NULL, PUBLISHERS + 1);
    pthread_barrier_init(&round_ends, NULL, PUBLISHERS + 1);
    pthread_t threads[PUBLISHERS];
    for (unsigned i = 0; i < PUBLISHERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, publisher_main, (void *)(uintptr_t)i) == 0,
                "no thread");
    for (unsigned round = 0; round < rounds; round++)
        play(round);
    for (unsigned i = 0; i < PUBLISHERS; i++)
        pthread_join(threads[i], NULL);
    struct stats stats;
    hub_stats(hub, &stats);
    EXPECT_INT(stats.published, end_sequence);
    hub_stop(hub);
    hub_free(hub);
}

int main(int argc, char **argv)
{
    char *with_backend[] = {argv[0], (char *)(uintptr_t) "epoll", NULL};
    check_begin(argc > 1 ? argc : 2, argc > 1 ? argv : with_backend);
    check_case("ends", case_ends);
    return check_end();
}
