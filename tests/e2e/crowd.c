/* SPDX-License-Identifier: MIT */
/* Many subscribers, and the check that all of them got everything in one order; see crowd.h. */
#include "tests/e2e/crowd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"

#define CONNECT_BATCH 256
/* Bytes taken from one stream before the next has its turn. */
#define TURN_BYTES_MAX (256u << 10)

static void descriptors_raise(unsigned count)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count + 64)
        check_skip("RLIMIT_NOFILE is too low for so many clients");
}

void crowd_turn(struct crowd *crowd, int wait_ms)
{
    struct epoll_event events[512];
    int count = epoll_wait(crowd->epoll, events, 512, wait_ms);

    REQUIRE(count >= 0 || errno == EINTR, "epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        struct stream *stream = events[i].data.ptr;
        bool had_head = stream->status != 0;
        if (!stream_take(stream, TURN_BYTES_MAX)) {
            epoll_ctl(crowd->epoll, EPOLL_CTL_DEL, stream->fd, NULL);
            crowd->closed++;
        }
        if (!had_head && stream->status) {
            EXPECT(stream->status == 200, "subscriber %u: status %d", stream->number,
                   stream->status);
            crowd->heads++;
        }
    }
}

void crowd_run(struct crowd *crowd, const char *what, bool (*done)(void *context), void *context)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    uint64_t last = 0;

    while (!done(context)) {
        uint64_t bytes = crowd->closed;
        crowd_turn(crowd, 100);
        for (unsigned i = 0; i < crowd->count; i++)
            bytes += crowd->streams[i].bytes;
        if (bytes != last)
            deadline = check_now_ms() + DEADLINE_MS;
        last = bytes;
        REQUIRE(check_now_ms() < deadline, "%s: nothing came for %d ms; %u of %u closed", what,
                DEADLINE_MS, crowd->closed, crowd->count);
    }
}

/* Connects one of the crowd and sends its request. */
static void join(struct crowd *crowd, const struct server *server, unsigned number,
                 const char *target, const char *fields, stream_on_event *on_event, void *context)
{
    struct stream *stream = &crowd->streams[number];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};

    stream_init(stream, connect_tcp(server, 1 + number % 1000), on_event, context);
    stream->number = number;
    stream_send_request(stream, target, fields);
    REQUIRE(epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, stream->fd, &event) == 0, "epoll: %s",
            strerror(errno));
}

void crowd_open(struct crowd *crowd, const struct server *server, unsigned count,
                const char *target, stream_on_event *on_event, void *context)
{
    memset(crowd, 0, sizeof(*crowd));
    descriptors_raise(count);
    crowd->streams = calloc(count, sizeof(*crowd->streams));
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    REQUIRE(crowd->streams && crowd->epoll >= 0, "crowd of %u: %s", count, strerror(errno));
    while (crowd->count < count) {
        unsigned end = crowd->count + CONNECT_BATCH < count ? crowd->count + CONNECT_BATCH : count;
        for (; crowd->count < end; crowd->count++)
            join(crowd, server, crowd->count, target, NULL, on_event, context);
        int64_t deadline = check_now_ms() + DEADLINE_MS;
        while (crowd->heads < crowd->count) {
            crowd_turn(crowd, 100);
            REQUIRE(check_now_ms() < deadline && !crowd->closed,
                    "%u of %u heads have come, %u streams closed", crowd->heads, crowd->count,
                    crowd->closed);
        }
    }
}

void crowd_reconnect(struct crowd *crowd, const struct server *server, unsigned number,
                     const char *target)
{
    struct stream *stream = &crowd->streams[number];
    stream_on_event *on_event = stream->on_event;
    void *context = stream->context;
    char field[200];

    snprintf(field, sizeof(field), "Last-Event-ID: %s\r\n", stream->last_id);
    stream_close(stream);
    join(crowd, server, number, target, field, on_event, context);
}

void crowd_close(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++)
        stream_close(&crowd->streams[i]);
    free(crowd->streams);
    close(crowd->epoll);
}

void tally_init(struct tally *tally, unsigned streams, unsigned publishers, unsigned total)
{
    memset(tally, 0, sizeof(*tally));
    tally->publishers = publishers;
    tally->total = total;
    tally->order = calloc(total ? total : 1, sizeof(*tally->order));
    tally->next = calloc((size_t)streams * publishers, sizeof(*tally->next));
    REQUIRE(tally->order && tally->next, "out of memory");
}

void tally_free(struct tally *tally)
{
    free(tally->order);
    free(tally->next);
}

void tally_event(struct stream *stream, const struct stream_event *event)
{
    struct tally *tally = stream->context;
    unsigned publisher, number;
    uint64_t place = stream->seen - 1;

    REQUIRE(strcmp(event->type, "message") == 0 &&
                sscanf(event->data, "%u %u", &publisher, &number) == 2 &&
                publisher < tally->publishers,
            "subscriber %u, event %llu: type %s, data \"%.60s\", id %s", stream->number,
            (unsigned long long)place, event->type, event->data, event->id);
    uint32_t *next = &tally->next[stream->number * tally->publishers + publisher];
    REQUIRE(number == *next, "subscriber %u, publisher %u: seen event %u (id %s), wanted %u",
            stream->number, publisher, number, event->id, *next);
    (*next)++;
    REQUIRE(place < tally->total, "subscriber %u has %llu events, only %u were published",
            stream->number, (unsigned long long)place + 1, tally->total);
    uint32_t word = publisher << 24 | number;
    if (place == tally->known)
        tally->order[tally->known++] = word;
    REQUIRE(tally->order[place] == word, "subscriber %u, place %llu: %u/%u, others saw %u/%u",
            stream->number, (unsigned long long)place, publisher, number, tally->order[place] >> 24,
            tally->order[place] & 0xffffff);
    tally->deliveries++;
    if (stream->seen == tally->total)
        tally->complete++;
}

static bool is_complete(void *context)
{
    struct crowd *crowd = context;
    struct tally *tally = crowd->streams[0].context;

    return tally->complete == crowd->count || crowd->closed;
}

void crowd_complete(struct crowd *crowd, const char *what)
{
    crowd_run(crowd, what, is_complete, crowd);
}

static void *publish_paced(void *context)
{
    struct pace *pace = context;
    struct client client;
    uint64_t permit;
    char words[32];

    client_open(&client, pace->server);
    for (unsigned i = 0; i < pace->events; i++) {
        struct pollfd ready = {.fd = pace->permits, .events = POLLIN};
        if (pace->ahead) {
            REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "the crowd does not have event %u",
                    i - pace->ahead);
            REQUIRE(read(pace->permits, &permit, sizeof(permit)) == sizeof(permit), "eventfd");
        }
        snprintf(words, sizeof(words), "0 %u", i);
        __atomic_store_n(&pace->published_ms[i], check_now_ms(), __ATOMIC_RELEASE);
        publish_padded(&client, pace->channel, words, pace->bytes);
    }
    client_close(&client);
    return NULL;
}

void pace_start(struct pace *pace)
{
    pace->longest_ms = 0;
    pace->had = calloc(pace->events, sizeof(*pace->had));
    pace->published_ms = calloc(pace->events, sizeof(*pace->published_ms));
    pace->permits = eventfd(pace->ahead, EFD_CLOEXEC | EFD_SEMAPHORE);
    REQUIRE(pace->had && pace->published_ms && pace->permits >= 0, "out of memory");
    REQUIRE(pthread_create(&pace->thread, NULL, publish_paced, pace) == 0, "no thread");
}

void pace_had(struct pace *pace, const struct stream *stream)
{
    uint64_t place = stream->seen - 1, one = 1;
    int64_t late = check_now_ms() - __atomic_load_n(&pace->published_ms[place], __ATOMIC_ACQUIRE);

    if (late > pace->longest_ms)
        pace->longest_ms = late;
    if (++pace->had[place] == pace->streams)
        REQUIRE(write(pace->permits, &one, sizeof(one)) == sizeof(one), "eventfd");
}

void pace_join(struct pace *pace)
{
    pthread_join(pace->thread, NULL);
    close(pace->permits);
    free(pace->had);
    free(pace->published_ms);
}
