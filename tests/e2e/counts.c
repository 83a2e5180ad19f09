/* SPDX-License-Identifier: MIT */
/*
 * What /stats and /metrics count: channels and events once, whatever the number of workers; streams
 * by the listener they came to and by rule; ends and refusals by their reasons.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define WORKERS "3"
#define STREAMS 9u

static struct server server;
static char path[128];

/* The answer's text without spaces and line ends. */
static char *text_at(struct client *client, const char *target)
{
    struct answer answer;
    client_request(client, "GET", target, NULL, "", 0, &answer);
    char *text = strdup(answer.body);
    size_t len = 0;
    for (const char *at = answer.body; *at; at++)
        if (*at != ' ' && *at != '\n')
            text[len++] = *at;
    text[len] = '\0';
    answer_free(&answer);
    return text;
}

/* The answer comes to have this text: a stream's place is free a moment after its end. */
static void expect_said(const char *target, const char *wanted)
{
    struct client client;
    int64_t deadline_ms = check_now_ms() + DEADLINE_MS;
    client_open(&client, &server);
    char *text = text_at(&client, target);
    while (!strstr(text, wanted)) {
        REQUIRE(check_now_ms() < deadline_ms, "no %s in %.3900s", wanted, text);
        free(text);
        text = text_at(&client, target);
    }
    free(text);
    client_close(&client);
}

static void open_stream(struct stream *stream, int fd, unsigned channel)
{
    char target[32];
    snprintf(target, sizeof(target), "/events/quiet%u", channel);
    stream_init(stream, fd, NULL, NULL);
    stream_send_request(stream, target, "Accept: text/event-stream\r\n");
    stream_await_head(stream);
}

/* Streams lie on one worker each, and so do channels that nobody has published to yet. */
static void case_once(void)
{
    struct stream streams[STREAMS];
    struct client client;
    for (unsigned i = 0; i < STREAMS; i++) {
        open_stream(&streams[i], i % 3 ? connect_tcp(&server, 0) : connect_unix(path), i / 3);
        EXPECT_INT(streams[i].status, 200);
    }
    EXPECT_INT(server_stat(&server, "channels"), STREAMS / 3);
    client_open(&client, &server);
    for (unsigned i = 0; i < 5; i++)
        publish(&client, "told", "x", NULL);
    publish(&client, "quiet0", "x", NULL);
    client_close(&client);
    for (unsigned i = 0; i < 3; i++)
        stream_expect(&streams[i], "message", "x", NULL);
    server_await(&server, "channels", true, STREAMS / 3 + 1);
    server_await(&server, "history_events", true, 6);
    EXPECT_INT(server_stat(&server, "channels"), STREAMS / 3 + 1);
    EXPECT_INT(server_stat(&server, "history_events"), 6);
    EXPECT_INT(server_stat(&server, "memory_max"), 100 << 20);

    char wanted[256];
    snprintf(wanted, sizeof(wanted),
             "\"subscribers_by_listener\":{\"http://127.0.0.1:%u\":6,\"unix:%s\":3}", server.port,
             path);
    expect_said("/stats", wanted);
    for (unsigned i = 0; i < STREAMS; i++)
        stream_close(&streams[i]);
    server_await(&server, "subscribers", false, 0);
    snprintf(wanted, sizeof(wanted),
             "\"subscribers_by_listener\":{\"http://127.0.0.1:%u\":0,\"unix:%s\":0}", server.port,
             path);
    expect_said("/stats", wanted);
    /* Of the channels only those with history are left. */
    server_await(&server, "channels", false, 2);
    expect_said("/stats", "\"closed_by_reason\":{\"gone\":9,");
    expect_said("/metrics", "fanfare_closed_total{reason=\"gone\"}9");
    expect_said("/metrics", "fanfare_closed_total{reason=\"token-expired\"}0");
}

static void case_reasons(void)
{
    struct stream streams[3];
    for (unsigned i = 0; i < 3; i++)
        open_stream(&streams[i], connect_tcp(&server, 0), 7);
    EXPECT_TEXT(stream_field(&streams[2], "Fanfare-Refused"), "channel");
    EXPECT_INT(server_stat(&server, "subscribers"), 2);
    /* Who was refused has no place in any count. */
    expect_said("/stats", "\"subscribers_by_rule\":{\"quiet7\":2,\"ruled/*\":0}");
    expect_said("/stats",
                "\"refused_by_reason\":{\"full\":0,\"memory\":0,\"drain\":0,\"address\":0,"
                "\"channel\":1,\"rate\":0,\"application\":0,\"keys\":0}");
    expect_said("/metrics", "fanfare_refused_total{reason=\"channel\"}1");
    for (unsigned i = 0; i < 3; i++)
        stream_close(&streams[i]);
    server_await(&server, "subscribers", false, 0);
}

/* A stream of several channels counts once for each rule, however many of them come under it. */
static void case_rules(void)
{
    struct stream one, many;
    stream_open(&one, &server, "/events/ruled/a", NULL);
    stream_open(&many, &server,
                "/events?channel=ruled/a&channel=ruled/b&channel=quiet7&channel=free", NULL);
    stream_await_head(&one);
    stream_await_head(&many);
    expect_said("/stats", "\"subscribers_by_rule\":{\"quiet7\":1,\"ruled/*\":2}");
    stream_close(&many);
    server_await(&server, "subscribers", false, 1);
    expect_said("/stats", "\"subscribers_by_rule\":{\"quiet7\":0,\"ruled/*\":1}");
    stream_close(&one);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    char listen[160];
    snprintf(path, sizeof(path), "/tmp/fanfare-counts-%d", (int)getpid());
    snprintf(listen, sizeof(listen), "unix:%s", path);
    server_start(&server, SERVER_OPTIONS("--workers", WORKERS, "--listen", listen, "--memory-max",
                                         "100M", "--channel", "quiet7 subscribers-max=2",
                                         "--channel", "ruled/* history-events=3"));
    check_case("once", case_once);
    check_case("reasons", case_reasons);
    check_case("rules", case_rules);
    server_stop(&server);
    return check_end();
}
