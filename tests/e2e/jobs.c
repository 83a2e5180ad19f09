/* SPDX-License-Identifier: MIT */
/*
 * What publishers say beside events: how long clients are to wait before they come back, and that a
 * channel has ended, as a job's does: read to its end, left, come back to, joined late; and under
 * which key they publish once.
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
        post_expect(&server, "/publish/retry", ways[i][0], ways[i][1], 200, "\"ids\"");
        post_expect(&server, "/publish/retry", NULL, ways[i][2], 200, "\"ids\"");
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
    post_expect(&server, "/publish/retry", JSON, "{\"retry\": 17}", 200, "\"ids\"");
    post_expect(&server, "/publish/retry", NULL, "after", 200, "\"ids\"");
    stream_expect(&stream, "message", "after", NULL);
    EXPECT_INT(stream.ids, 6); /* the preface's, and of each event */
    open_ready(&later, "/events/retry", resume);
    EXPECT_TEXT(stream_field(&later, "fanfare-resume"), "complete");
    stream_expect(&later, "message", "after", NULL);
    EXPECT_INT(later.retry, 17);
    EXPECT_INT(later.seen, 1);
    stream_close(&later);
    stream_close(&stream);
    post_expect(&server, "/publish/retry", JSON, "{}", 400, "data is missing");
    post_expect(&server, "/publish/retry", FORM, "event=x&retry=1", 400, "the form has no data");
}

/* The status of a request for a stream. */
static int stream_status(const char *target, const char *fields)
{
    struct stream stream;

    stream_open(&stream, &server, target, fields);
    stream_await_head(&stream);
    int status = stream.status;
    if (status == 204)
        EXPECT(!strstr(stream.head, "ontent-"), "204 with a length: %s", stream.head);
    stream_close(&stream);
    return status;
}

static void feed_say(const char *text, const char *error)
{
    struct client feed;
    struct receipt receipt;

    client_open_feed(&feed, &server);
    client_say(&feed, text);
    REQUIRE(client_receipt(&feed, &receipt), "the feed was closed after %s", text);
    EXPECT_TEXT(receipt.error, error);
    client_close(&feed);
}

static void publish_end(const char *channel, unsigned way)
{
    char text[128], target[64];

    switch (way) {
    case 0:
        snprintf(target, sizeof(target), "/publish/%s?end=1", channel);
        post_expect(&server, target, NULL, "last", 200, "\"ids\"");
        break;
    case 1:
        snprintf(target, sizeof(target), "/publish/%s", channel);
        post_expect(&server, target, JSON, "{\"data\": \"last\", \"end\": true}", 200, "\"ids\"");
        break;
    case 2:
        snprintf(text, sizeof(text), "channel: %s\nend: 1\ndata: last\nack: 1\n\n", channel);
        feed_say(text, "");
        break;
    default:
        snprintf(target, sizeof(target), "/publish/%s", channel);
        post_expect(&server, target, SSE, "data: last\nend: 1\n\n", 200, "\"ids\"");
    }
}

/* Without data, by each way. */
static void publish_bare_end(const char *channel, unsigned way)
{
    char text[128], target[64];

    snprintf(target, sizeof(target), "/publish/%s%s", channel, way % 2 ? "" : "?end=1");
    if (way == 0)
        post_expect(&server, target, NULL, "", 200, "\"ids\"");
    else if (way == 1)
        post_expect(&server, target, JSON, "{\"end\": true}", 200, "\"ids\"");
    else if (way == 2)
        post_expect(&server, target, FORM, "", 200, "\"ids\"");
    else {
        snprintf(text, sizeof(text), "channel: %s\nend: 1\nack: 1\n\n", channel);
        feed_say(text, "");
    }
}

/* Who reads a job to its end, who comes back, who comes late: each has all of it, once. */
static void read_job(unsigned way, bool with_data)
{
    struct stream stream, cut, late;
    char channel[32], target[64], publish[64], first[136], last[136], resume[192];

    snprintf(channel, sizeof(channel), "job%u%d", way, with_data);
    snprintf(target, sizeof(target), "/events/%s", channel);
    snprintf(publish, sizeof(publish), "/publish/%s", channel);
    open_ready(&stream, target, NULL);
    post_expect(&server, publish, NULL, "one", 200, "\"ids\"");
    stream_expect(&stream, "message", "one", first);
    post_expect(&server, publish, NULL, "two", 200, "\"ids\"");
    if (with_data)
        publish_end(channel, way);
    else
        publish_bare_end(channel, way);
    stream_expect(&stream, "message", "two", last);
    if (with_data)
        stream_expect(&stream, "message", "last", last);
    stream_expect_end(&stream);
    stream_close(&stream);

    snprintf(resume, sizeof(resume), "Last-Event-ID: %s\r\n", first);
    open_ready(&cut, target, resume);
    stream_expect(&cut, "message", "two", NULL);
    if (with_data)
        stream_expect(&cut, "message", "last", NULL);
    stream_expect_end(&cut);
    stream_close(&cut);
    snprintf(target, sizeof(target), "/events/%s?last=100", channel);
    open_ready(&late, target, NULL);
    stream_expect(&late, "message", "one", NULL);
    stream_expect(&late, "message", "two", NULL);
    if (with_data)
        stream_expect(&late, "message", "last", NULL);
    stream_expect_end(&late);
    stream_close(&late);

    snprintf(target, sizeof(target), "/events/%s", channel);
    snprintf(resume, sizeof(resume), "Origin: http://a.example\r\nLast-Event-ID: %s\r\n", last);
    EXPECT_INT(stream_status(target, resume), 204);
    post_expect(&server, publish, NULL, "more", 409, "the channel has ended");
}

static void case_jobs(void)
{
    for (unsigned way = 0; way < 4; way++) {
        read_job(way, true);
        read_job(way, false);
    }
}

static void case_refusals(void)
{
    struct stream stream;
    struct client feed;
    struct receipt receipt;

    post_expect(&server, "/publish/over?end=1", NULL, "", 200, "\"ids\"");
    post_expect(&server, "/publish/over?end=1", NULL, "", 409, "the channel has ended");
    post_expect(&server, "/publish", JSON,
                "[{\"channel\":\"open\",\"data\":\"\"},{\"channel\":\"over\",\"data\":\"\"}]", 409,
                "event 2: the channel has ended");
    post_expect(&server, "/publish/x", SSE, "data: 1\nend: 1\n\ndata: 2\n\n", 409,
                "event 2: the channel has ended");
    post_expect(&server, "/publish/x?end=1", SSE, "data: 1\n\ndata: 2\n\n", 400,
                "more than one event");
    post_expect(&server, "/publish/x?end=yes", NULL, "", 400, "end has a value other than 1");
    post_expect(&server, "/publish/x", JSON, "{\"data\":\"\",\"end\":1}", 400,
                "end is not true or false");
    post_expect(&server, "/publish/x", SSE, "data: 1\nend: 0\n\n", 400,
                "end has a value other than 1");

    /* Of a feed's run only what comes too late is refused, and none of what comes before. */
    open_ready(&stream, "/events?channel=run&channel=rest", NULL);
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: run\ndata: 1\nack: 1\n\nchannel: run\nend: 1\nack: 2\n\n"
                      "channel: run\ndata: 3\nack: 3\n\nchannel: rest\ndata: 4\nack: 4\n\n");
    for (unsigned i = 1; i <= 4; i++) {
        char ack[8];
        snprintf(ack, sizeof(ack), "%u", i);
        REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
        EXPECT_TEXT(receipt.ack, ack);
        EXPECT_TEXT(receipt.error, i == 3 ? "the channel has ended" : "");
    }
    stream_expect(&stream, "message", "1", NULL);
    stream_expect(&stream, "message", "4", NULL);
    /* It goes on until the last of its channels has ended. */
    client_say(&feed, "channel: rest\ndata: 5\nend: 1\nack: 5\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
    stream_expect(&stream, "message", "5", NULL);
    stream_expect_end(&stream);
    stream_close(&stream);
    client_close(&feed);
}

static void case_commands(void)
{
    struct outcome outcome;
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    program_run((const char *[]){"pub", "--feed", server.feed, "--end", "lines", NULL}, "1\n2\n",
                &outcome);
    EXPECT(outcome.status == 0, "pub --end: %d %s", outcome.status, outcome.err);
    program_run((const char *[]){"sub", "--url", url, "--last", "9", "--raw", "lines", NULL}, NULL,
                &outcome);
    EXPECT(outcome.status == 0, "sub: %d %s", outcome.status, outcome.err);
    EXPECT_TEXT(outcome.out, "1\n2\n");
    program_run((const char *[]){"pub", "--feed", server.feed, "lines", "3", NULL}, NULL, &outcome);
    EXPECT(outcome.status == 1 && strstr(outcome.err, "the channel has ended"), "pub: %d %s",
           outcome.status, outcome.err);
    program_run((const char *[]){"pub", "--url", url, "--end", "-v", "one", "last", NULL}, NULL,
                &outcome);
    EXPECT(outcome.status == 0, "pub --end: %d %s", outcome.status, outcome.err);
    char id[64];
    snprintf(id, sizeof(id), "%.29s", outcome.out);
    program_run((const char *[]){"sub", "--url", url, "--since", id, "one", NULL}, NULL, &outcome);
    EXPECT(outcome.status == 0, "sub of a 204: %d %s", outcome.status, outcome.err);
    program_run((const char *[]){"pub", "--url", url, "--end", "more", NULL}, "x\n", &outcome);
    EXPECT(outcome.status == 0, "pub --end: %d %s", outcome.status, outcome.err);
    post_expect(&server, "/publish/more", NULL, "y", 409, "the channel has ended");
}

/* After end-keep the name is as one that never was. */
static void case_fresh(void)
{
    struct server keeper;
    struct client client;
    struct answer answer;
    struct stream stream, both;
    char id[160], resume[224];
    int status;

    server_start(&keeper, SERVER_OPTIONS("--workers", "2", "--end-keep", "1"));
    stream_open(&both, &keeper, "/events?channel=job&channel=other", NULL);
    stream_await_id(&both);
    client_open(&client, &keeper);
    publish(&client, "job", "old", id);
    client_request(&client, "POST", "/publish/job?end=1", NULL, "", 0, &answer);
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    do {
        client_request(&client, "POST", "/publish/job", NULL, "new", 3, &answer);
        status = answer.status;
        answer_free(&answer);
    } while (status == 409);
    EXPECT_INT(status, 200);
    snprintf(resume, sizeof(resume), "Last-Event-ID: %s\r\n", id);
    stream_open(&stream, &keeper, "/events/job", resume);
    stream_expect(&stream, "fanfare-gap", NULL, NULL); /* the old end */
    stream_expect(&stream, "message", "new", NULL);
    stream_close(&stream);
    stream_open(&stream, &keeper, "/events/job?last=9", NULL);
    stream_expect(&stream, "message", "new", NULL);
    stream_close(&stream);
    /* Who reads another channel, too, is still there. */
    stream_expect(&both, "message", "old", NULL);
    stream_expect(&both, "message", "new", NULL);
    stream_close(&both);
    client_close(&client);
    server_stop(&keeper);
}

/* The id that a POST is answered with. */
static void post_id(const char *target, const char *fields, const char *body, char ret_id[160])
{
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    client_request(&client, "POST", target, fields, body, strlen(body), &answer);
    EXPECT(answer.status == 200, "POST %s %s: %d %s", target, body, answer.status, answer.body);
    const char *open = strchr(answer.body, '[');
    snprintf(ret_id, 160, "%.150s", open ? open : "none");
    answer_free(&answer);
    client_close(&client);
}

#define KEY(name) "Idempotency-Key: " name "\r\n"

/* What is published again under its key is answered as the first time, and is not published. */
static void case_keys(void)
{
    struct stream stream;
    struct client feed;
    struct receipt receipt;
    char first[160], again[160], quoted[256];

    open_ready(&stream, "/events/keys", NULL);
    post_id("/publish/keys", KEY("a"), "one", first);
    post_id("/publish/keys", KEY("a"), "one", again);
    EXPECT_TEXT(again, first);
    post_id("/publish/keys", JSON, "{\"data\": \"one\", \"key\": \"a\"}", again);
    EXPECT_TEXT(again, first);
    post_id("/publish/others", KEY("a"), "another channel", again);
    EXPECT(strcmp(again, first) != 0, "one id for two channels: %s", again);
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: keys\nkey: a\ndata: one\nack: 1\n\n"
                      "channel: keys\nkey: b\nid: mine\ndata: two\nack: 2\n\n"
                      "channel: keys\nkey: b\ndata: two\nack: 3\n\n");
    for (unsigned i = 1; i <= 3; i++) {
        REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
        EXPECT_TEXT(receipt.error, "");
        snprintf(quoted, sizeof(quoted), "[\"%s\"]}", receipt.id);
        if (i == 1)
            EXPECT_TEXT(quoted, first);
        else
            EXPECT_TEXT(receipt.id, "mine");
    }
    client_close(&feed);
    /* Of several only what is new is published, and all are answered in their order. */
    post_id("/publish/keys", JSON,
            "[{\"data\":\"two\",\"key\":\"b\"},{\"data\":\"three\",\"key\":\"c\"},"
            "{\"data\":\"one\",\"key\":\"a\"},{\"data\":\"four\"}]",
            again);
    EXPECT(strncmp(again, "[\"mine\", \"", 10) == 0 && strstr(again, first + 2) == NULL, "ids %s",
           again);
    post_expect(&server, "/publish/keys", JSON,
                "[{\"data\":\"\",\"key\":\"x\"},{\"data\":\"\",\"key\":\"x\"}]", 400,
                "event 2: the key is that of one before it");
    post_expect(&server, "/publish/keys", KEY("x") JSON, "[{\"data\":\"1\"},{\"data\":\"2\"}]", 400,
                "more than one event");
    post_expect(&server, "/publish/keys", JSON, "{\"data\":\"\",\"key\":7}", 400,
                "key is not a string");
    /* A key outlives the end of its channel. */
    post_id("/publish/keys?end=1", KEY("z"), "last", first);
    post_id("/publish/keys?end=1", KEY("z"), "last", again);
    EXPECT_TEXT(again, first);
    stream_expect(&stream, "message", "one", NULL);
    stream_expect(&stream, "message", "two", NULL);
    stream_expect(&stream, "message", "three", NULL);
    stream_expect(&stream, "message", "four", NULL);
    stream_expect(&stream, "message", "last", NULL);
    stream_expect_end(&stream);
    stream_close(&stream);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    check_case("retry_alone", case_retry_alone);
    check_case("jobs", case_jobs);
    check_case("refusals", case_refusals);
    check_case("commands", case_commands);
    check_case("fresh", case_fresh);
    check_case("keys", case_keys);
    server_stop(&server);
    return check_end();
}
