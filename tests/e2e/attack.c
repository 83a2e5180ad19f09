/* SPDX-License-Identifier: MIT */
/*
 * Strangers try to make the server grow: with channels, with long names, with subscriptions to many
 * channels, with bodies that are promised and not sent, with readers that never read. Whatever they
 * do, resident memory stays below --memory-max and SLACK above the idle server, and it goes on.
 *
 * Each case prints what was counted and what was resident at most.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define MIB   (1l << 20)
#define BOUND (64 * MIB)
/*
 * What comes on top of what is counted: arenas for runs and private sends, inboxes and counters of
 * flow control that are touched with use (about 8 MiB with two workers), what was taken and not yet
 * told, and what malloc holds of records that went and others do not fit into.
 */
#define SLACK (24 * MIB)

static struct server server;
static long before, peak;
static long long most;

static void begin(const char *const *options)
{
    server_start(&server, options);
    before = peak = server_memory(&server);
    most = 0;
}

static void watch(void)
{
    long now = server_memory(&server);
    long long counted = server_stat(&server, "memory_bytes");

    peak = now > peak ? now : peak;
    most = counted > most ? counted : most;
}

/* It serves: an event comes through, new subscribers may be refused. */
static void end(const char *what)
{
    struct client client;
    struct answer answer;

    watch();
    printf("   %s: at most %.1f MiB counted, %.1f MiB more resident\n", what, (double)most / MIB,
           (double)(peak - before) / MIB);
    EXPECT(most <= BOUND + MIB, "%lld bytes counted", most);
    EXPECT(CHECK_SANITIZED || peak - before < BOUND + SLACK, "%ld bytes more resident",
           peak - before);
    client_open(&client, &server);
    client_request(&client, "POST", "/publish/after", NULL, "x", 1, &answer);
    EXPECT(answer.status == 200, "an event after it: %d %s", answer.status, answer.body);
    answer_free(&answer);
    client_close(&client);
    server_stop(&server);
}

/* --- channels and names ----------------------------------------------------------------------- */

/* An event of one byte for each of so many channels, whose names are that long. */
static void flood_channels(unsigned channels, unsigned name_len)
{
    static char text[1024 * 320];
    char filler[257];
    struct client feed;
    struct receipt receipt;

    memset(filler, 'n', sizeof(filler));
    client_open_feed(&feed, &server);
    for (unsigned i = 0; i < channels;) {
        size_t len = 0;
        for (unsigned last = i + 1024; i < last; i++)
            len +=
                (size_t)snprintf(text + len, sizeof(text) - len, "channel: %08u%.*s\ndata: x\n%s\n",
                                 i, (int)name_len - 8, filler, i + 1 == last ? "ack: a\n" : "");
        REQUIRE(client_send(&feed, text, len), "the feed was closed at event %u", i);
        REQUIRE(client_receipt(&feed, &receipt), "the feed was closed at event %u", i);
        EXPECT(!receipt.error[0], "%s", receipt.error);
        if (i % 16384 == 0)
            watch();
    }
    client_close(&feed);
}

static void case_channels(void)
{
    unsigned channels = check_scaled(600 * 1024) / 1024 * 1024;

    begin(SERVER_OPTIONS("--workers", "2", "--memory-max", "64M"));
    flood_channels(channels, 8);
    EXPECT(CHECK_SANITIZED || server_stat(&server, "channels_dropped") > 0, "none made way");
    end("channels of one byte");
}

static void case_names(void)
{
    begin(SERVER_OPTIONS("--workers", "2", "--memory-max", "64M"));
    flood_channels(check_scaled(200 * 1024) / 1024 * 1024, 256);
    end("channels with names of 256 bytes");
}

/* What malloc freed of one kind is used again by the next, or given back. */
static void case_in_turn(void)
{
    struct client client;
    char channel[32];

    begin(SERVER_OPTIONS("--workers", "2", "--memory-max", "64M"));
    client_open(&client, &server);
    for (unsigned round = 0; round < 3; round++) {
        flood_channels(check_scaled(200 * 1024) / 1024 * 1024, 8);
        for (unsigned i = 0; i < check_scaled(4000); i++) {
            snprintf(channel, sizeof(channel), "large%u", i % 64);
            publish_padded(&client, channel, "large", 20000 + i % 7 * 1000);
            if (i % 256 == 0)
                watch();
        }
    }
    client_close(&client);
    end("tiny channels and large events in turn");
}

/* --- subscriptions ---------------------------------------------------------------------------- */

#define SUBSCRIBERS 4000u

/* Each to 64 channels of its own. */
static void case_subscriptions(void)
{
    static int fds[SUBSCRIBERS];
    static char request[12000];
    unsigned count = check_scaled(SUBSCRIBERS);
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count + 64)
        check_skip("RLIMIT_NOFILE is too low for so many clients");
    begin(SERVER_OPTIONS("--workers", "2", "--memory-max", "64M"));
    for (unsigned i = 0; i < count; i++) {
        size_t len = (size_t)snprintf(request, sizeof(request), "GET /events?");
        for (unsigned j = 0; j < 64; j++)
            len += (size_t)snprintf(request + len, sizeof(request) - len,
                                    "%schannel=%05u-%02u-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                    j ? "&" : "", i, j);
        snprintf(request + len, sizeof(request) - len, " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        fds[i] = connect_tcp(&server, 1 + i / 1000);
        struct client client = {.fd = fds[i]};
        client_say(&client, request);
        if (i % 256 == 0)
            watch();
    }
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    long long joined, refused;
    do {
        REQUIRE(check_now_ms() < deadline, "not all were answered");
        watch();
        joined = server_stat(&server, "joined");
        refused = server_stat(&server, "refused_memory") +
                  server_stat(&server, "subscribers_refused_memory");
    } while (joined + refused < count);
    printf("   %u subscribers of 64 channels: %lld joined, %lld refused\n", count, joined, refused);
    EXPECT(CHECK_SANITIZED || (joined > 0 && refused > 0), "%lld joined", joined);
    for (unsigned i = 0; i < count; i++)
        close(fds[i]);
    server_await(&server, "subscribers", false, 0);
    end("subscriptions");
}

/* --- bodies ----------------------------------------------------------------------------------- */

#define BODIES 1500u

/* A third only promises a mebibyte, the rest sends some of it; history stays whole. */
static void case_promised(void)
{
    static char bytes[60000];
    static struct client clients[BODIES];
    struct client feed;
    struct stream stream;
    unsigned count = check_scaled(BODIES);

    memset(bytes, 'b', sizeof(bytes));
    begin(SERVER_OPTIONS("--workers", "2", "--memory-max", "64M"));
    client_open(&feed, &server);
    for (unsigned i = 0; i < 500; i++) /* 29 MiB: more than half of what is not the connections' */
        publish_padded(&feed, i % 2 ? "odd" : "even", i ? "more" : "first", sizeof(bytes));
    watch();
    for (unsigned i = 0; i < count; i++) {
        client_open(&clients[i], &server);
        client_say(&clients[i], "POST /publish/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                "Content-Length: 1048576\r\n\r\n");
        if (i % 3)
            client_send(&clients[i], bytes, sizeof(bytes));
        if (i % 64 == 0)
            watch();
    }
    if (!CHECK_SANITIZED)
        server_await(&server, "requests_refused_memory", true, 1);
    watch();
    printf("   %u bodies of 1 MiB promised: connections hold %.1f MiB, %lld refused\n", count,
           (double)server_stat(&server, "memory_connections") / MIB,
           server_stat(&server, "requests_refused_memory"));
    EXPECT_INT(server_stat(&server, "evicted_memory"), 0);
    stream_open(&stream, &server, "/events/even?last=250", NULL);
    struct stream_event event;
    REQUIRE(stream_next(&stream, &event), "closed");
    EXPECT(strncmp(event.data, "first ", 6) == 0, "begins with %.20s", event.data);
    event_free(&event);
    stream_close(&stream);
    for (unsigned i = 0; i < count; i++)
        client_close(&clients[i]);
    client_close(&feed);
    end("promised bodies");
}

/* --- readers ---------------------------------------------------------------------------------- */

#define READERS 200u

/* Each on a channel of its own, with a begun frame that it never reads on, and skipped rather than
 * closed, so that it keeps it. */
static void case_blocked(void)
{
    static int fds[READERS];
    char target[64], request[160], channel[32];
    struct client client;
    int small = 4096;

    begin(SERVER_OPTIONS("--workers", "2", "--memory-max", "64M", "--slow", "skip", "--slow-after",
                         "0.1", "--history-bytes", "1M", "--write-timeout", "0"));
    for (unsigned i = 0; i < READERS; i++) {
        fds[i] = connect_tcp(&server, 0);
        setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        snprintf(target, sizeof(target), "/events/r%u", i);
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", target);
        struct client reader = {.fd = fds[i]};
        client_say(&reader, request);
    }
    server_await(&server, "subscribers", true, READERS);
    client_open(&client, &server);
    for (unsigned round = 0; round < check_scaled(8); round++) {
        for (unsigned i = 0; i < READERS; i++) {
            snprintf(channel, sizeof(channel), "r%u", i);
            publish_padded(&client, channel, "blocked", 900000);
        }
        watch();
    }
    printf("   %u readers that never read: %lld became slow, %lld closed for memory\n", READERS,
           server_stat(&server, "became_slow"), server_stat(&server, "closed_memory"));
    for (unsigned i = 0; i < READERS; i++)
        close(fds[i]);
    client_close(&client);
    end("blocked readers");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("channels", case_channels);
    check_case("names", case_names);
    check_case("in_turn", case_in_turn);
    check_case("subscriptions", case_subscriptions);
    check_case("promised", case_promised);
    check_case("blocked", case_blocked);
    return check_end();
}
