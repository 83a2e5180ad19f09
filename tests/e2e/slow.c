/* SPDX-License-Identifier: MIT */
/*
 * One subscriber that never reads, and a crowd that does: the crowd has everything in order and
 * soon, the server's memory stays bounded, and the slow one is closed (policy disconnect) or, when
 * it reads again, is told what it missed (policy skip). Both are counted. What the kernel holds for
 * one that never reads is what --send-buffer says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static struct pace pace = {
    .server = &server, .channel = "slow", .events = EVENTS, .bytes = DATA_BYTES, .ahead = AHEAD};

static void on_event(struct stream *stream, const struct stream_event *event)
{
    tally_event(stream, event);
    EXPECT(event->data_len == DATA_BYTES, "event %llu has %zu bytes",
           (unsigned long long)stream->seen - 1, event->data_len);
    pace_had(&pace, stream);
}

static void run_crowd(struct stream *slow, const char *policy)
{
    unsigned readers = check_scaled(1000);
    struct crowd crowd;
    struct tally tally;

    pace.streams = readers;
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-bytes", "256K",
                                         "--slow-after", "1", "--slow", policy));
    stream_open_small(slow, &server, "/events/slow", 65536);
    tally_init(&tally, readers, 1, EVENTS);
    crowd_open(&crowd, &server, readers, "/events/slow", on_event, &tally);
    long before = server_memory(&server);
    int64_t start = check_now_ms();
    pace_start(&pace);
    crowd_complete(&crowd, "readers");
    long grown = server_memory(&server) - before;
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(tally.deliveries, (long long)readers * EVENTS);
    printf("   %s: %u readers x %u events of %u bytes in %lld ms, at most %lld ms late; "
           "%.1f MiB more memory\n",
           policy, readers, EVENTS, DATA_BYTES, (long long)(check_now_ms() - start),
           (long long)pace.longest_ms, (double)grown / (1 << 20));
    if (!check_slow()) {
        /* What the slow one may cost, and half a second for a machine that does other work too. */
        EXPECT(pace.longest_ms <= SLOW_AFTER + 500, "%lld ms late", (long long)pace.longest_ms);
        EXPECT(grown < 64 << 20, "%ld bytes more for a history of 256 KiB", grown);
    }
    server_await(&server, "became_slow", true, 1);
    pace_join(&pace);
    crowd_close(&crowd);
    tally_free(&tally);
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

/* Bytes that the kernel took for one that never reads, of 2 MB that were published. */
static long long taken_with(const char *send_buffer)
{
    static char body[DATA_BYTES];
    struct stream stream;
    struct client client;
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--slow-after", "60", "--send-buffer",
                                         send_buffer));
    stream_open_small(&stream, &server, "/events/slow", 8192);
    memset(body, 'b', sizeof(body) - 1);
    client_open(&client, &server);
    for (unsigned i = 0; i < 128; i++)
        publish(&client, "slow", body, NULL);
    client_close(&client);
    server_await(&server, "subscribers_lagging", true, 1);
    long long taken = server_stat(&server, "delivered_bytes");
    stream_close(&stream);
    server_await(&server, "subscribers", false, 0);
    server_stop(&server);
    return taken;
}

static void case_send_buffer(void)
{
    long long little = taken_with("4K"), much = taken_with("256K");
    printf("   taken: %lld bytes with 4K, %lld with 256K\n", little, much);
    EXPECT(little * 2 < much, "%lld and %lld", little, much);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("disconnect", case_disconnect);
    check_case("skip", case_skip);
    check_case("send_buffer", case_send_buffer);
    return check_end();
}
