/* SPDX-License-Identifier: MIT */
/*
 * Channels that end while several threads publish to them, on a hub without subscribers: every
 * event that is acknowledged has its place before its channel's end, and the others are refused.
 * And channels that an operator closes while they end and are published to with keys: the name is
 * free at once, and nothing else is.
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

/* --- closes ---------------------------------------------------------------------------------- */

#define NAMES 4u

static _Atomic bool over;
static _Atomic uint64_t acknowledged;

/* 0, HUB_ENDED or HUB_KNOWN. */
static int publish_to(unsigned channel, unsigned key, bool ends)
{
    char name[32], word[32];
    int name_len = snprintf(name, sizeof(name), "channel %u", channel);
    int word_len = key ? snprintf(word, sizeof(word), "key %u", key) : 0;
    struct event event = {.channel = {name, (size_t)name_len},
                          .key = {word, (size_t)word_len},
                          .data = TEXT("x"),
                          .retry_ms = -1,
                          .ends = ends};
    struct frame *frame = NULL;
    uint64_t sequence;
    int r = hub_frame(hub, &event, &frame);
    REQUIRE(r == 0, "hub_frame gives %d", r);
    do
        r = hub_publish(hub, &frame, 1, &sequence);
    while (r == HUB_BUSY);
    REQUIRE(r == 0 || r == HUB_ENDED || (key && r == HUB_KNOWN), "hub_publish gives %d", r);
    if (r == 0)
        atomic_fetch_add(&acknowledged, 1);
    else
        frame_unref(frame);
    return r;
}

static void *keyed_main(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument;
    for (unsigned i = number; !atomic_load(&over); i++)
        publish_to(i % NAMES, i % 3 == 0 ? 0 : 1 + i % 50, false);
    return NULL;
}

static void close_until_done(unsigned channel)
{
    char name[32];
    int len = snprintf(name, sizeof(name), "channel %u", channel);
    int r;
    do
        r = hub_close_channel(hub, (struct text){name, (size_t)len});
    while (r == HUB_BUSY);
    REQUIRE(r == 0, "hub_close_channel gives %d", r);
}

static void case_closes(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 3;
    options.io = IO_EPOLL;
    options.worker_subscribers = 16;
    options.history_events = 100;
    REQUIRE(hub_new(&options, &hub) == 0 && hub_start(hub) == 0, "no hub");
    pthread_t threads[PUBLISHERS];
    for (unsigned i = 0; i < PUBLISHERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, keyed_main, (void *)(uintptr_t)i) == 0,
                "no thread");
    rounds = check_scaled(20000);
    for (unsigned round = 0; round < rounds; round++) {
        unsigned channel = round % NAMES;
        /* Nobody else ends it. */
        EXPECT_INT(publish_to(channel, 0, true), 0);
        EXPECT_INT(publish_to(channel, 0, false), HUB_ENDED);
        close_until_done(channel);
        EXPECT_INT(publish_to(channel, 0, false), 0);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < PUBLISHERS; i++)
        pthread_join(threads[i], NULL);
    EXPECT_INT(publish_to(0, 1000, false), 0);
    EXPECT_INT(publish_to(0, 1000, false), HUB_KNOWN);
    close_until_done(0);
    EXPECT_INT(publish_to(0, 1000, false), 0);
    struct stats stats;
    hub_stats(hub, &stats);
    EXPECT_INT(stats.published, atomic_load(&acknowledged));
    EXPECT_INT(stats.channels_closed, rounds + 1);
    hub_stop(hub);
    hub_free(hub);
}

int main(int argc, char **argv)
{
    char *with_backend[] = {argv[0], (char *)(uintptr_t) "epoll", NULL};
    check_begin(argc > 1 ? argc : 2, argc > 1 ? argv : with_backend);
    check_case("ends", case_ends);
    check_case("closes", case_closes);
    return check_end();
}
