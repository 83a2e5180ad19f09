/* SPDX-License-Identifier: MIT */
/*
 * SIGTERM: everything acknowledged is delivered, every stream ends with a last chunk and a `retry:`
 * of its own, publishers are told, and the exit status is 0.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define FEEDS 4u

static struct server server;
static struct client feeds[FEEDS];
static _Atomic unsigned acknowledged[FEEDS];

/* Publishes until the server refuses or closes; counts what it was told is accepted. */
static void *feed_until_stopped(void *argument)
{
    unsigned publisher = (unsigned)(uintptr_t)argument;
    struct client *feed = &feeds[publisher];
    struct receipt receipt;
    char text[100];

    for (unsigned i = 0;; i++) {
        snprintf(text, sizeof(text), "channel: drain\ndata: %u %u\nack: %u\n\n", publisher, i, i);
        if (!client_say(feed, text) || !client_receipt(feed, &receipt))
            break;
        if (receipt.error[0]) {
            EXPECT(strstr(receipt.error, "stopping"), "error \"%s\"", receipt.error);
            break;
        }
        acknowledged[publisher]++;
    }
    client_close(feed);
    return NULL;
}

static bool all_closed(void *context)
{
    struct crowd *crowd = context;

    return crowd->closed == crowd->count;
}

static bool some_events(void *context)
{
    struct crowd *crowd = context;

    return crowd->streams[0].seen >= 200;
}

static void case_busy(void)
{
    unsigned readers = check_scaled(200);
    pthread_t threads[FEEDS];
    struct crowd crowd;
    struct tally tally;

    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    tally_init(&tally, readers, FEEDS, 4u << 20);
    crowd_open(&crowd, &server, readers, "/events/drain", tally_event, &tally);
    /* All of them, or one of many on one processor comes when the server has stopped. */
    for (unsigned i = 0; i < FEEDS; i++)
        client_open_feed(&feeds[i], &server);
    for (uintptr_t i = 0; i < FEEDS; i++)
        pthread_create(&threads[i], NULL, feed_until_stopped, (void *)i);
    crowd_run(&crowd, "events", some_events, &crowd);
    uint64_t before = crowd.streams[0].seen;
    int64_t start = check_now_ms();
    server_terminate(&server);
    crowd_run(&crowd, "the end", all_closed, &crowd);
    int64_t took = check_now_ms() - start;
    unsigned total = 0;
    for (unsigned i = 0; i < FEEDS; i++) {
        pthread_join(threads[i], NULL);
        total += acknowledged[i];
    }
    for (unsigned i = 0; i < readers; i++) {
        struct stream *stream = &crowd.streams[i];
        EXPECT(stream->ended && !stream->reset, "subscriber %u: %s", i,
               stream->reset ? "reset" : "no last chunk");
        EXPECT(stream->seen == crowd.streams[0].seen, "subscriber %u has %llu events, 0 has %llu",
               i, (unsigned long long)stream->seen, (unsigned long long)crowd.streams[0].seen);
        for (unsigned p = 0; p < FEEDS; p++)
            EXPECT(tally.next[i * FEEDS + p] >= acknowledged[p],
                   "subscriber %u has %u events of feed %u, %u were acknowledged", i,
                   tally.next[i * FEEDS + p], p, acknowledged[p]);
    }
    printf(
        "   %u events acknowledged, %llu delivered to each of %u, %llu of them in the %lld ms of "
        "the drain\n",
        total, (unsigned long long)crowd.streams[0].seen, readers,
        (unsigned long long)(crowd.streams[0].seen - before), (long long)took);
    int status = server_wait(&server);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status 0x%x", (unsigned)status);
    crowd_close(&crowd);
    tally_free(&tally);
}

/* A subscriber that is behind when the signal comes, and then reads, has all of it. */
static void case_behind(void)
{
    static char body[100000];
    struct stream stream;
    struct client client;
    struct stream_event event;
    unsigned number = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--slow-after", "60"));
    memset(body, 'b', sizeof(body) - 1);
    stream_open_small(&stream, &server, "/events/behind", 262144);
    client_open(&client, &server);
    for (int i = 0; i < 100; i++)
        publish(&client, "behind", body, NULL);
    EXPECT_INT(server_stat(&server, "subscribers_lagging"), 1);
    client_close(&client);
    server_terminate(&server);
    while (stream_next(&stream, &event)) {
        EXPECT(event.data_len == sizeof(body) - 1, "%zu bytes", event.data_len);
        event_free(&event);
        number++;
    }
    EXPECT_INT(number, 100);
    EXPECT(stream.ended && !stream.reset, "no last chunk");
    stream_close(&stream);
    int status = server_wait(&server);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status 0x%x", (unsigned)status);
}

/* One that never reads is cut when the drain timeout ends, and the exit status is still 0. */
static void case_timeout(void)
{
    static char body[100000];
    struct stream stream;
    struct client client;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "2", "--drain-timeout", "0.5", "--slow-after", "60"));
    memset(body, 'b', sizeof(body) - 1);
    stream_open_small(&stream, &server, "/events/never", 262144);
    client_open(&client, &server);
    for (int i = 0; i < 100; i++)
        publish(&client, "never", body, NULL);
    client_close(&client);
    int64_t start = check_now_ms();
    server_stop(&server);
    EXPECT(check_now_ms() - start < 5000, "%lld ms", (long long)(check_now_ms() - start));
    stream_close(&stream);
}

/* A client that does not read its answers costs the acceptors 3 s, and they are of the same time:
 * the whole stop takes what --drain-timeout says. */
static void case_whole(void)
{
    static char body[100000];
    struct stream stream;
    struct client client, deaf;
    int small = 4096;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--drain-timeout", "3.5", "--slow-after",
                                         "60", "--write-timeout", "0"));
    memset(body, 'b', sizeof(body) - 1);
    stream_open_small(&stream, &server, "/events/whole", 4096);
    client_open(&deaf, &server);
    setsockopt(deaf.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 2000 && client_say(&deaf, "GET / HTTP/1.1\r\nHost: t\r\n\r\n"); i++)
        continue;
    client_open(&client, &server);
    for (int i = 0; i < 100; i++)
        publish(&client, "whole", body, NULL);
    client_close(&client);
    int64_t start = check_now_ms();
    server_stop(&server);
    int64_t took = check_now_ms() - start;
    EXPECT(took < 6000, "%lld ms", (long long)took); /* 3.5 s and not 6.5 */
    stream_close(&stream);
    client_close(&deaf);
}

/* Idle streams and connections of every kind do not hold it up. */
static void case_idle(void)
{
    struct stream stream;
    struct client silent, kept, half, feed;
    struct answer answer;

    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    stream_open(&stream, &server, "/events/idle", NULL);
    stream_await_id(&stream);
    client_open(&silent, &server);
    client_open(&kept, &server);
    client_request(&kept, "GET", "/healthz", NULL, "", 0, &answer);
    answer_free(&answer);
    client_open(&half, &server);
    client_say(&half, "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab");
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: idle\ndata: last words\n\n");
    int64_t start = check_now_ms();
    server_terminate(&server);
    stream_expect(&stream, "message", "last words", NULL);
    stream_expect_end(&stream);
    EXPECT(stream.retry > 0, "no retry");
    if (client_answer(&half, false, &answer)) {
        EXPECT_INT(answer.status, 503);
        answer_free(&answer);
    } else {
        EXPECT(false, "an unfinished request was closed without an answer");
    }
    EXPECT(client_ends(&kept), "a kept connection was answered: %s", kept.bytes);
    int status = server_wait(&server);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status 0x%x", (unsigned)status);
    EXPECT(check_now_ms() - start < 3000, "%lld ms", (long long)(check_now_ms() - start));
    stream_close(&stream);
    client_close(&silent);
    client_close(&kept);
    client_close(&half);
    client_close(&feed);
}

/* SIGUSR1 and SIGUSR2 mean nothing here, so they must not end it. */
static void case_other_signals(void)
{
    struct client client;

    server_start(&server, NULL);
    kill(server.pid, SIGUSR1);
    kill(server.pid, SIGUSR2);
    client_open(&client, &server);
    publish(&client, "signals", "still here", NULL);
    client_close(&client);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("busy", case_busy);
    check_case("behind", case_behind);
    check_case("timeout", case_timeout);
    check_case("whole", case_whole);
    check_case("idle", case_idle);
    check_case("other_signals", case_other_signals);
    return check_end();
}
