/* SPDX-License-Identifier: MIT */
/*
 * Parity: alexandrevicenzi/go-sse, a server of channels that are named by their path. Its paths,
 * head lines and CORS, messages to a channel, to all and to one, its lists and counts, the end of a
 * channel and of everybody's stream, and a log of who comes and goes. docs/parity.md says what of
 * it becomes what here.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/parity.h"

#define PAGE "Origin: http://page.example\r\n"

/* The path names the channel: below /events/, and wherever the operator wants it. */
static void case_paths(void)
{
    struct stream events, mapped;

    parity_start(SERVER_OPTIONS("--path", "/sse/*=*", "--retry", "10000"));
    parity_open(&events, "/events/channel-1", NULL);
    parity_open(&mapped, "/sse/channel-1", NULL);
    EXPECT_INT(mapped.retry, 10000); /* RetryInterval */
    parity_publish("/publish/channel-1", JSON_FIELDS,
                   "{\"id\": \"7\", \"event\": \"tick\", \"data\": \"now\"}");
    parity_expect(&events, "tick", "now");
    parity_expect(&mapped, "tick", "now");
    EXPECT_TEXT(mapped.last_id, "7");
    stream_close(&events);
    stream_close(&mapped);
    parity_stop();
}

/* Options.Headers, of which those of CORS are what origins are allowed. */
static void case_head_lines(void)
{
    static const char preflight[] = PAGE "Access-Control-Request-Method: GET\r\n"
                                         "Access-Control-Request-Headers: last-event-id\r\n";
    struct stream stream;

    parity_start(SERVER_OPTIONS("--header", "X-Served-By: us", "--allow-origin", "*"));
    EXPECT_INT(parity_ask("OPTIONS", "/events/channel-1", preflight, ""), 204);
    EXPECT(strstr(parity_head, "Access-Control-Allow-Origin: *\r\n"), "%s", parity_head);
    EXPECT(strstr(parity_head, "Access-Control-Allow-Methods: GET, "), "%s", parity_head);
    EXPECT(strstr(parity_head, "Access-Control-Allow-Headers: last-event-id\r\n"), "%s",
           parity_head);
    stream_open(&stream, &parity, "/events/channel-1", PAGE);
    stream_await_head(&stream);
    EXPECT_TEXT(stream_field(&stream, "access-control-allow-origin"), "*");
    EXPECT_TEXT(stream_field(&stream, "x-served-by"), "us");
    EXPECT_TEXT(stream_field(&stream, "x-accel-buffering"), "no");
    stream_close(&stream);
    EXPECT_INT(parity_ask("DELETE", "/events/channel-1", NULL, ""), 405);
    parity_stop();
}

/* SendMessage to the channel "", which is all of them, and Client.SendMessage, to one client. */
static void case_messages_to_all_and_to_one(void)
{
    struct stream clients[3], late;
    char target[64], before[136];

    parity_start(SERVER_OPTIONS(NULL));
    parity_open(&clients[0], "/events/channel-1", NULL);
    parity_open(&clients[1], "/events/channel-1", NULL);
    parity_open(&clients[2], "/events?channel=channel-1&channel=channel-2", NULL);
    parity_publish("/publish?all=1", NULL, "to all");
    for (unsigned i = 0; i < 3; i++)
        stream_expect(&clients[i], "message", "to all", before); /* who has two has it once */
    snprintf(target, sizeof(target), "/subscribers/%s",
             stream_field(&clients[1], "fanfare-subscriber"));
    EXPECT_INT(parity_admin("POST", "/subscribers/0123456789abcdef", "nobody"), 404);
    EXPECT_INT(parity_admin("POST", target, "to one"), 204);
    parity_expect(&clients[1], "message", "to one");
    EXPECT_TEXT(clients[1].last_id, before); /* which is nothing to come back for */
    parity_publish("/publish/channel-1", NULL, "to a channel");
    for (unsigned i = 0; i < 3; i++)
        parity_expect(&clients[i], "message", "to a channel");
    stream_open(&late, &parity, "/events/channel-2?last=9", NULL);
    parity_expect(&late, "message", "to all");
    EXPECT_INT(parity_admin("DELETE", target, ""), 204); /* and one is let go */
    stream_expect_end(&clients[1]);
    for (unsigned i = 0; i < 3; i++)
        stream_close(&clients[i]);
    stream_close(&late);
    parity_stop();
}

/* Channels, HasChannel, ClientCount, LastEventID. */
static void case_lists_and_counts(void)
{
    struct stream clients[3];
    char id[136], wanted[200];

    parity_start(SERVER_OPTIONS(NULL));
    EXPECT_INT(parity_admin("GET", "/channels/channel-1", ""), 404);
    parity_open(&clients[0], "/events/channel-1", NULL);
    parity_open(&clients[1], "/events/channel-1", NULL);
    parity_open(&clients[2], "/events/channel-2", NULL);
    parity_publish("/publish/channel-1", NULL, "x");
    stream_expect(&clients[0], "message", "x", id);
    EXPECT_INT(parity_admin("GET", "/channels", ""), 200);
    EXPECT(strstr(parity_said, "\"channel-1\"") && strstr(parity_said, "\"channel-2\""), "%s",
           parity_said);
    EXPECT_INT(parity_number("/channels/channel-1", "subscribers"), 2);
    EXPECT_INT(parity_number("/channels/channel-2", "subscribers"), 1);
    EXPECT_INT(parity_number("/stats", "subscribers"), 3);
    EXPECT_INT(parity_admin("GET", "/channels/channel-1", ""), 200);
    snprintf(wanted, sizeof(wanted), "\"last_id\": \"%s\"", id);
    EXPECT(strstr(parity_said, wanted), "%s", parity_said);
    for (unsigned i = 0; i < 3; i++)
        stream_close(&clients[i]);
    /* One that nobody listens to, and that keeps nothing, is none. */
    parity_await("/channels/channel-2", "subscribers", -1);
    parity_stop();
}

/* CloseChannel: its clients have their end, and those of other channels go on. */
static void case_close_channel(void)
{
    struct stream alone, both, anew;

    parity_start(SERVER_OPTIONS(NULL));
    parity_open(&alone, "/events/channel-1", NULL);
    parity_open(&both, "/events?channel=channel-1&channel=channel-2", NULL);
    parity_publish("/publish/channel-1", NULL, "before");
    EXPECT_INT(parity_admin("DELETE", "/channels/nobody", ""), 404);
    EXPECT_INT(parity_admin("DELETE", "/channels/channel-1", ""), 204);
    parity_expect(&alone, "message", "before");
    stream_expect_end(&alone);
    parity_expect(&both, "message", "before");
    parity_publish("/publish/channel-2", NULL, "other");
    parity_expect(&both, "message", "other");
    /* The name is free: what was before is gone. */
    stream_open(&anew, &parity, "/events/channel-1?last=9", NULL);
    stream_await_id(&anew);
    parity_publish("/publish/channel-1", NULL, "after");
    parity_expect(&anew, "message", "after");
    stream_close(&alone);
    stream_close(&both);
    stream_close(&anew);
    parity_stop();
}

/* Restart: everybody is let go, told when to come back, and taken again. */
static void case_restart(void)
{
    struct stream clients[3], back;
    char fields[200];

    parity_start(SERVER_OPTIONS(NULL));
    for (unsigned i = 0; i < 3; i++)
        parity_open(&clients[i], i ? "/events/channel-1" : "/events/channel-2", NULL);
    EXPECT_INT(parity_admin("POST", "/kick", ""), 204);
    for (unsigned i = 0; i < 3; i++) {
        stream_expect_end(&clients[i]);
        EXPECT(clients[i].retry > 0, "retry %ld", clients[i].retry);
    }
    parity_publish("/publish/channel-1", NULL, "meanwhile");
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", clients[1].last_id);
    stream_open(&back, &parity, "/events/channel-1", fields);
    parity_expect(&back, "message", "meanwhile");
    parity_await("/stats", "subscribers", 1);
    for (unsigned i = 0; i < 3; i++)
        stream_close(&clients[i]);
    stream_close(&back);
    parity_stop();
}

/* The same in a terminal. */
static void case_ctl(void)
{
    static const struct {
        const char *arguments[3], *said;
        int status;
    } rows[] = {
        {{"channels", NULL}, "channel-1", 0},  {{"channel", "channel-1", NULL}, "channel-1", 0},
        {{"channel", "nobody", NULL}, "", 1},  {{"subscribers", "channel-1", NULL}, "127.0.0.1", 0},
        {{"close", "channel-1", NULL}, "", 0}, {{"kick", NULL}, "", 0},
    };
    struct stream client;

    parity_start(SERVER_OPTIONS(NULL));
    parity_open(&client, "/events/channel-1", NULL);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const arguments[] = {
            "ctl", "--admin", parity_place, rows[i].arguments[0], rows[i].arguments[1], NULL};
        struct outcome outcome;
        program_run(arguments, NULL, &outcome);
        EXPECT(outcome.status == rows[i].status && strstr(outcome.out, rows[i].said),
               "ctl %s: %d %s %s", rows[i].arguments[0], outcome.status, outcome.out, outcome.err);
    }
    stream_expect_end(&client);
    stream_close(&client);
    parity_stop();
}

/* Logger: who joins and leaves which channel. */
static void case_log(void)
{
    static char text[65536];
    char path[128], id[32];
    struct stream client;
    int64_t deadline = check_now_ms() + DEADLINE_MS;

    snprintf(path, sizeof(path), "/tmp/fanfare-e2e-go-sse-%d.log", (int)getpid());
    parity_start(SERVER_OPTIONS("--access-log", path));
    parity_open(&client, "/events/channel-1", NULL);
    snprintf(id, sizeof(id), "subscriber=%s", stream_field(&client, "fanfare-subscriber"));
    stream_close(&client);
    do {
        FILE *file = fopen(path, "re");
        size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
        text[len] = '\0';
        if (file)
            fclose(file);
        REQUIRE(check_now_ms() < deadline, "no leave in: %s", text);
        poll(NULL, 0, 5);
    } while (!strstr(text, "what=leave"));
    char *join = strstr(text, "what=join"), *leave = strstr(text, "what=leave");
    EXPECT(join && join < leave && strstr(join, id) && strstr(join, "channel=channel-1"), "%s",
           text);
    EXPECT(strstr(leave, id) && strstr(leave, "reason=gone"), "%s", leave);
    parity_stop();
    unlink(path);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("paths", case_paths);
    check_case("head_lines", case_head_lines);
    check_case("messages_to_all_and_to_one", case_messages_to_all_and_to_one);
    check_case("lists_and_counts", case_lists_and_counts);
    check_case("close_channel", case_close_channel);
    check_case("restart", case_restart);
    check_case("ctl", case_ctl);
    check_case("log", case_log);
    return check_end();
}
