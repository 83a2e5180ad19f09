/* SPDX-License-Identifier: MIT */
/*
 * A feed and HTTP publishers flood 2 workers for E2E_SECONDS while 200 subscribers read: nobody who
 * reads is dropped, no event is missing for anyone, and the publishers are slowed instead (their
 * events wait, or get 503 or `busy`, but what was acknowledged arrives).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define HTTP_PUBLISHERS 3u
#define PUBLISHERS      (HTTP_PUBLISHERS + 1)
#define READERS         200u
#define DATA_BYTES      200

static struct server server;
static int64_t end_ms;
static _Atomic unsigned acknowledged[PUBLISHERS], running;
static atomic_ullong refused;

static void pad(char *text, unsigned publisher, unsigned number)
{
    int len = sprintf(text, "%u %u ", publisher, number);

    memset(text + len, 'p', (size_t)(DATA_BYTES - len));
    text[DATA_BYTES] = '\0';
}

/* Up to 64 events under way: the answers are read only so far behind. */
static void *flood_feed(void *argument)
{
    struct client feed;
    struct receipt receipt;
    char data[DATA_BYTES + 1], text[DATA_BYTES + 100];
    unsigned sent = 0, answered = 0;

    (void)argument;
    client_open_feed(&feed, &server);
    while (check_now_ms() < end_ms || answered < sent) {
        if (check_now_ms() < end_ms && sent - answered < 64) {
            pad(data, 0, sent);
            int len =
                snprintf(text, sizeof(text), "channel: flood\ndata: %s\nack: %u\n\n", data, sent);
            REQUIRE(client_send(&feed, text, (size_t)len), "the feed was closed");
            sent++;
            continue;
        }
        REQUIRE(client_receipt(&feed, &receipt) && receipt.id[0], "feed: \"%s\"", receipt.error);
        EXPECT((unsigned)atoi(receipt.ack) == answered, "ack %s, wanted %u", receipt.ack, answered);
        answered++;
    }
    acknowledged[0] = answered;
    client_close(&feed);
    running--;
    return NULL;
}

/* 32 pipelined requests at a time; what gets 503 is posted again, so order must be kept by waiting.
 */
static void *flood_http(void *argument)
{
    unsigned publisher = (unsigned)(uintptr_t)argument;
    struct client client;
    struct answer answer;
    char data[DATA_BYTES + 1], text[DATA_BYTES + 200];
    unsigned sent = 0;

    client_open(&client, &server);
    while (check_now_ms() < end_ms) {
        /* One request carries 32 events: whole or not at all. */
        static _Thread_local char body[32 * (DATA_BYTES + 16)];
        size_t len = 0;
        for (unsigned i = 0; i < 32; i++) {
            pad(data, publisher, sent + i);
            len += (size_t)sprintf(body + len, "data: %s\n\n", data);
        }
        int head = snprintf(text, sizeof(text),
                            "POST /publish/flood HTTP/1.1\r\nHost: t\r\n"
                            "Content-Type: text/event-stream\r\nContent-Length: %zu\r\n\r\n",
                            len);
        REQUIRE(client_send(&client, text, (size_t)head) && client_send(&client, body, len) &&
                    client_answer(&client, false, &answer),
                "publisher %u was closed", publisher);
        EXPECT(answer.status == 200 || answer.status == 503, "publisher %u: %d %s", publisher,
               answer.status, answer.body);
        if (answer.status == 200)
            sent += 32;
        else
            refused++;
        answer_free(&answer);
    }
    acknowledged[publisher] = sent;
    client_close(&client);
    running--;
    return NULL;
}

/* How many events all publishers together had acknowledged, once they have all ended. */
static bool all_have_all(void *context)
{
    struct crowd *crowd = context;
    uint64_t total = 0;

    if (crowd->closed)
        return true;
    if (running)
        return false;
    for (unsigned i = 0; i < PUBLISHERS; i++)
        total += acknowledged[i];
    for (unsigned i = 0; i < crowd->count; i++)
        if (crowd->streams[i].seen < total)
            return false;
    return true;
}

static void case_flood(void)
{
    unsigned readers = check_scaled(READERS);
    pthread_t threads[PUBLISHERS];
    struct crowd crowd;
    struct tally tally;
    unsigned total = 0;

    /* Room for far more events than a flood can bring in that time. */
    tally_init(&tally, readers, PUBLISHERS, 16u << 20);
    crowd_open(&crowd, &server, readers, "/events/flood", tally_event, &tally);
    long before = server_memory(&server);
    end_ms = check_now_ms() + check_seconds() * 1000;
    running = PUBLISHERS;
    for (uintptr_t i = 0; i < PUBLISHERS; i++)
        pthread_create(&threads[i], NULL, i == 0 ? flood_feed : flood_http, (void *)i);
    crowd_run(&crowd, "flood", all_have_all, &crowd);
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        pthread_join(threads[i], NULL);
        printf("   publisher %u (%s): %u events\n", i, i ? "http" : "feed", acknowledged[i]);
        EXPECT(acknowledged[i] > 0, "publisher %u got nothing through", i);
        total += acknowledged[i];
    }
    printf("   %u events to %u readers, %llu deliveries, %llu requests refused, %.1f MiB more\n",
           total, readers, (unsigned long long)tally.deliveries, (unsigned long long)refused,
           (double)(server_memory(&server) - before) / (1 << 20));
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(tally.deliveries, (long long)total * readers);
    EXPECT_INT(server_stat(&server, "closed_slow"), 0);
    EXPECT_INT(server_stat(&server, "published"), total);
    server_await(&server, "in_flight_bytes", false, 0);
    crowd_close(&crowd);
    tally_free(&tally);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    check_case("flood", case_flood);
    server_stop(&server);
    return check_end();
}
