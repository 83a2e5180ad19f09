/* SPDX-License-Identifier: MIT */
/*
 * One subscriber that never reads, and a crowd that does: the crowd has everything in order and
 * soon, the server's memory stays bounded, and the slow one is closed (policy disconnect) or, when
 * it reads again, is told what it missed (policy skip). Both are counted.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

/* 200 events of 16 KiB are 3.3 MB: more than the buffers of a socket that nobody reads (measured: 2
 * MB) and a history of 256 KiB hold. */
#define EVENTS     320u
#define DATA_BYTES 16384u
#define SLOW_AFTER 1000
/* Events that may be on their way to the crowd: it is never behind by its own fault. */
#define AHEAD 4u

static struct server server;
static unsigned readers;
static int64_t longest_ms;
static int permits; /* eventfd: one for each event that the whole crowd has */
static unsigned had[EVENTS];
static int64_t published_ms[EVENTS];

static void on_event(struct stream *stream, const struct stream_event *event)
{
    uint64_t place = stream->seen - 1, one = 1;

    tally_event(stream, event);
    EXPECT(event->data_len == DATA_BYTES, "event %llu has %zu bytes", (unsigned long long)place,
           event->data_len);
    int64_t late = check_now_ms() - __atomic_load_n(&published_ms[place], __ATOMIC_ACQUIRE);
    if (late > longest_ms)
        longest_ms = late;
    if (++had[place] == readers)
        REQUIRE(write(permits, &one, sizeof(one)) == sizeof(one), "eventfd");
}

static void *publish_large(void *argument)
{
    static char text[DATA_BYTES + 1];
    struct client client;
    uint64_t permit;

    (void)argument;
    client_open(&client, &server);
    for (unsigned i = 0; i < EVENTS; i++) {
        struct pollfd ready = {.fd = permits, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "the crowd does not have event %u", i - AHEAD);
        REQUIRE(read(permits, &permit, sizeof(permit)) == sizeof(permit), "eventfd");
        memset(text, '.', DATA_BYTES);
        int len = snprintf(text, sizeof(text), "0 %u ", i);
        text[len] = '.';
        __atomic_store_n(&published_ms[i], check_now_ms(), __ATOMIC_RELEASE);
        publish(&client, "slow", text, NULL);
    }
    client_close(&client);
    return NULL;
}

static bool all_complete(void *context)
{
    struct crowd *crowd = context;
    struct tally *tally = crowd->streams[0].context;

    return tally->complete == crowd->count || crowd->closed;
}

static void run_crowd(struct stream *slow, const char *policy)
{
    pthread_t publisher;
    struct crowd crowd;
    struct tally tally;
    int small = 65536;

    longest_ms = 0;
    memset(had, 0, sizeof(had));
    permits = eventfd(AHEAD, EFD_CLOEXEC | EFD_SEMAPHORE);
    readers = check_scaled(1000);
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-bytes", "256K",
                                         "--slow-after", "1", "--slow", policy));
    stream_init(slow, connect_tcp(&server, 0), NULL, NULL);
    setsockopt(slow->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    stream_send_request(slow, "/events/slow", NULL);
    stream_await_head(slow);
    tally_init(&tally, readers, 1, EVENTS);
    crowd_open(&crowd, &server, readers, "/events/slow", on_event, &tally);
    long before = server_memory(&server);
    int64_t start = check_now_ms();
    pthread_create(&publisher, NULL, publish_large, NULL);
    crowd_run(&crowd, "readers", all_complete, &crowd);
    long grown = server_memory(&server) - before;
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(tally.deliveries, (long long)readers * EVENTS);
    printf("   %s: %u readers x %u events of %u bytes in %lld ms, at most %lld ms late; "
           "%.1f MiB more memory\n",
           policy, readers, EVENTS, DATA_BYTES, (long long)(check_now_ms() - start),
           (long long)longest_ms, (double)grown / (1 << 20));
    if (!CHECK_SANITIZED) {
        /* What the slow one may cost, and half a second for a machine that does other work too. */
        EXPECT(longest_ms <= SLOW_AFTER + 500, "%lld ms late", (long long)longest_ms);
        EXPECT(grown < 64 << 20, "%ld bytes more for a history of 256 KiB", grown);
    }
    server_await(&server, "became_slow", true, 1);
    pthread_join(publisher, NULL);
    crowd_close(&crowd);
    tally_free(&tally);
    close(permits);
}

static void case_disconnect(void)
{
    struct stream slow;
    struct stream_event event;
    unsigned number = 0;

    run_crowd(&slow, "disconnect");
    server_await(&server, "closed_slow", true, 1);
    EXPECT_INT(server_stat(&server, "closed_slow"), 1);
    /* What it does get is a gapless prefix. */
    while (stream_next(&slow, &event)) {
        unsigned seen = 0;
        EXPECT(sscanf(event.data, "0 %u", &seen) == 1 && seen == number, "seen %.20s, wanted %u",
               event.data, number);
        number++;
        event_free(&event);
    }
    EXPECT(number < EVENTS, "it got all %u events and was closed as slow", number);
    printf("   the slow one was closed after %u events\n", number);
    stream_close(&slow);
    server_stop(&server);
}

static void case_skip(void)
{
    struct stream slow;
    struct stream_event event;
    unsigned number = 0, gaps = 0, missed_all = 0;

    run_crowd(&slow, "skip");
    /* Now it reads: a prefix, then notices of exactly what is missing, then the rest. */
    while (number < EVENTS) {
        REQUIRE(stream_next(&slow, &event), "closed after event %u", number);
        if (strcmp(event.type, "fanfare-gap") == 0) {
            const char *missed = strstr(event.data, "\"missed\"");
            missed = missed ? strpbrk(missed, "0123456789") : NULL;
            EXPECT(strstr(event.data, "\"slow\""), "%s", event.data);
            REQUIRE(missed, "no number in %s", event.data);
            number += (unsigned)atoi(missed);
            missed_all += (unsigned)atoi(missed);
            gaps++;
        } else {
            unsigned seen = 0;
            EXPECT(sscanf(event.data, "0 %u", &seen) == 1 && seen == number,
                   "seen %.20s, wanted %u", event.data, number);
            number = seen + 1;
        }
        event_free(&event);
    }
    EXPECT(gaps > 0 && missed_all > 0, "nothing was skipped");
    printf("   the slow one was told of %u gaps, %u events\n", gaps, missed_all);
    EXPECT(server_stat(&server, "skipped") >= 1, "not counted");
    EXPECT_INT(server_stat(&server, "closed_slow"), 0);
    struct client client;
    client_open(&client, &server);
    publish(&client, "slow", "live again", NULL);
    stream_expect(&slow, "message", "live again", NULL);
    client_close(&client);
    stream_close(&slow);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("disconnect", case_disconnect);
    check_case("skip", case_skip);
    return check_end();
}
