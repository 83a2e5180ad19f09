/* SPDX-License-Identifier: MIT */
/*
 * What publishers say beside events: how long clients are to wait before they come back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

static void open_ready(struct stream *stream, const char *target, const char *fields)
{
    stream_open(stream, &server, target, fields);
    stream_await_id(stream);
    REQUIRE(stream->status == 200, "%s: status %d", target, stream->status);
}

/* Posts a body; the answer must have this status, and this in its body. */
static void post(const char *target, const char *fields, const char *body, int status,
                 const char *wanted)
{
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    client_request(&client, "POST", target, fields, body, strlen(body), &answer);
    EXPECT(answer.status == status && strstr(answer.body, wanted), "POST %s %s: %d %s", target,
           body, answer.status, answer.body);
    answer_free(&answer);
    client_close(&client);
}

#define JSON "Content-Type: application/json\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define SSE  "Content-Type: text/event-stream\r\n"

/* The delay is taken, nothing is dispatched, and who resumes from its place misses nothing. */
static void case_retry_alone(void)
{
    static const char *const ways[][3] = {
        {JSON, "{\"retry\": 11}", "11"},
        {FORM, "retry=12", "12"},
        {SSE, "retry: 13\n\n", "13"},
    };
    struct stream stream, later;
    struct client feed;
    struct receipt receipt;
    char resume[192];

    open_ready(&stream, "/events/retry", NULL);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        post("/publish/retry", ways[i][0], ways[i][1], 200, "\"ids\"");
        post("/publish/retry", NULL, ways[i][2], 200, "\"ids\"");
        stream_expect(&stream, "message", ways[i][2], NULL);
        EXPECT_INT(stream.retry, atol(ways[i][2]));
    }
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: retry\nretry: 14\nack: 1\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
    EXPECT_TEXT(receipt.error, "");
    client_say(&feed, "channel: retry\nretry: 15\nevent: x\nack: 2\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
    EXPECT_TEXT(receipt.error, "the event has no data");
    client_say(&feed, "channel: retry\ndata: 16\nack: 3\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
    stream_expect(&stream, "message", "16", NULL);
    EXPECT_INT(stream.retry, 14);
    client_close(&feed);
    EXPECT_INT(stream.seen, 4);

    snprintf(resume, sizeof(resume), "Last-Event-ID: %s\r\n", stream.last_id);
    post("/publish/retry", JSON, "{\"retry\": 17}", 200, "\"ids\"");
    post("/publish/retry", NULL, "after", 200, "\"ids\"");
    stream_expect(&stream, "message", "after", NULL);
    EXPECT_INT(stream.ids, 6); /* the preface's, and of each event */
    open_ready(&later, "/events/retry", resume);
    EXPECT_TEXT(stream_field(&later, "fanfare-resume"), "complete");
    stream_expect(&later, "message", "after", NULL);
    EXPECT_INT(later.retry, 17);
    EXPECT_INT(later.seen, 1);
    stream_close(&later);
    stream_close(&stream);
    post("/publish/retry", JSON, "{}", 400, "data is missing");
    post("/publish/retry", FORM, "event=x&retry=1", 400, "the form has no data");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    check_case("retry_alone", case_retry_alone);
    server_stop(&server);
    return check_end();
}
