/* SPDX-License-Identifier: MIT */
/*
 * Publish to all: one event to every open stream, once each, and into every channel's history, also
 * that of a channel which nobody has named yet; by every way that there is to publish.
 */
#include <stdio.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define JSON "Content-Type: application/json\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define SSE  "Content-Type: text/event-stream\r\n"

static struct server server;

static void open_ready(struct stream *stream, const char *target, const char *fields)
{
    stream_open(stream, &server, target, fields);
    stream_await_head(stream);
    REQUIRE(stream->status == 200, "%s: status %d", target, stream->status);
    stream_await_id(stream);
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

static void run_pub(const char *way, const char *place, const char *input, const char *data)
{
    struct outcome outcome;
    const char *arguments[] = {"pub", "--all", way, place, data, NULL};

    program_run(arguments, input, &outcome);
    EXPECT(outcome.status == 0, "pub --all %s: %s", way, outcome.err);
}

enum { WAYS = 8 };

/* The n-th event, each in another way. */
static void publish_all(unsigned way)
{
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    switch (way) {
    case 0:
        post_expect(&server, "/publish?all=1", NULL, "0", 200, "\"ids\"");
        break;
    case 1:
        post_expect(&server, "/publish", JSON, "{\"data\": \"1\", \"all\": true}", 200, "\"ids\"");
        break;
    case 2:
        post_expect(&server, "/publish", FORM, "data=2&all=1", 200, "\"ids\"");
        break;
    case 3:
        post_expect(&server, "/publish", SSE, "data: 3\nall: 1\n\n", 200, "\"ids\"");
        break;
    case 4:
        feed_say("all: 1\ndata: 4\nack: 1\n\n", "");
        break;
    case 5:
        run_pub("--feed", server.feed, NULL, "5");
        break;
    case 6:
        run_pub("--url", url, NULL, "6");
        break;
    default:
        run_pub("--url", url, "7\n", NULL);
    }
}

/* Whatever a stream listens to, it gets each of them once, in one order with its own. */
static void case_every_stream(void)
{
    static const char *const targets[] = {
        "/events/a",    "/events/a", "/events?channel=a&channel=b&channel=c",
        "/events/c",    "/stream",   "/events?channel=c&channel=a&limit=1000",
        "/events/only",
    };
    enum { STREAMS = sizeof(targets) / sizeof(targets[0]) };
    struct stream streams[STREAMS], polled;

    for (unsigned i = 0; i < STREAMS; i++)
        open_ready(&streams[i], targets[i], NULL);
    stream_open(&polled, &server, "/events/polled?wait=20", NULL);
    stream_await_id(&polled);
    for (unsigned way = 0; way < WAYS; way++) {
        char text[2] = {(char)('0' + way), '\0'}, id[136], same[136];
        post_expect(&server, "/publish/a", NULL, "before", 200, "\"ids\"");
        publish_all(way);
        post_expect(&server, "/publish/a", NULL, "behind", 200, "\"ids\"");
        for (unsigned i = 0; i < STREAMS; i++) {
            bool reads_a = strstr(targets[i], "a") != NULL && i != 4;
            if (reads_a)
                stream_expect(&streams[i], "message", "before", NULL);
            stream_expect(&streams[i], "message", text, i ? same : id);
            if (i)
                EXPECT_TEXT(same, id);
            if (reads_a)
                stream_expect(&streams[i], "message", "behind", NULL);
        }
        if (way == 0) {
            stream_expect(&polled, "message", "0", NULL);
            stream_expect_end(&polled);
        }
    }
    for (unsigned i = 0; i < STREAMS; i++)
        stream_close(&streams[i]);
    stream_close(&polled);
}

/* It is in the history of a channel that nobody has named before, in order with its own events. */
static void case_every_history(void)
{
    struct stream stream;
    char first[136], resume[192];

    post_expect(&server, "/publish?all=1&event=notice", NULL, "one", 200, "\"ids\"");
    open_ready(&stream, "/events/unheard-of?last=1", NULL);
    stream_expect(&stream, "notice", "one", first);
    post_expect(&server, "/publish/unheard-of", NULL, "own", 200, "\"ids\"");
    post_expect(
        &server, "/publish", JSON,
        "[{\"all\": true, \"data\": \"two\"}, {\"channel\": \"unheard-of\", \"data\": \"more\"},"
        " {\"channel\": \"elsewhere\", \"data\": \"no\"}]",
        200, "\"ids\"");
    stream_close(&stream);
    for (int again = 0; again < 2; again++) {
        snprintf(resume, sizeof(resume), "Last-Event-ID: %s\r\n", first);
        open_ready(&stream, again ? "/events/unheard-of?last=3" : "/events/unheard-of",
                   again ? NULL : resume);
        EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), again ? "none" : "complete");
        stream_expect(&stream, "message", "own", NULL);
        stream_expect(&stream, "message", "two", NULL);
        stream_expect(&stream, "message", "more", NULL);
        stream_close(&stream);
    }
    open_ready(&stream, "/events?channel=new-1&channel=new-2&last=1&wait=no", NULL);
    stream_expect(&stream, "message", "two", NULL);
    stream_expect_end(&stream);
    stream_close(&stream);
}

/* What comes to all behind the end of a channel is not its own. */
static void case_behind_an_end(void)
{
    struct stream stream;
    char last[136], resume[192];

    post_expect(&server, "/publish/job?end=1", NULL, "done", 200, "\"ids\"");
    post_expect(&server, "/publish?all=1", NULL, "later", 200, "\"ids\"");
    open_ready(&stream, "/events/job?last=1", NULL);
    stream_expect(&stream, "message", "done", last);
    stream_expect_end(&stream);
    stream_close(&stream);
    snprintf(resume, sizeof(resume), "Last-Event-ID: %s\r\n", last);
    stream_open(&stream, &server, "/events/job", resume);
    stream_await_head(&stream);
    EXPECT_INT(stream.status, 204);
    stream_close(&stream);
    open_ready(&stream, "/events?channel=job&channel=open", resume);
    stream_expect(&stream, "message", "later", NULL);
    stream_close(&stream);
}

static void case_keys(void)
{
    struct stream stream;
    char id[136], wanted[160];

    open_ready(&stream, "/events/keys", NULL);
    post_expect(&server, "/publish?all=1", "Idempotency-Key: k\r\n", "once", 200, "\"ids\"");
    stream_expect(&stream, "message", "once", id);
    snprintf(wanted, sizeof(wanted), "\"%s\"", id);
    post_expect(&server, "/publish?all=1", "Idempotency-Key: k\r\n", "twice", 200, wanted);
    post_expect(&server, "/publish/keys", "Idempotency-Key: k\r\n", "of the channel", 200,
                "\"ids\"");
    stream_expect(&stream, "message", "of the channel", NULL);
    stream_close(&stream);
}

/* How many have it. */
static void case_count(void)
{
    struct stream streams[2];

    open_ready(&streams[0], "/events/counted-1", NULL);
    open_ready(&streams[1], "/events?channel=counted-2&channel=counted-3", NULL);
    server_await(&server, "subscribers", false, 2);
    post_expect(&server, "/publish?all=1&count=1", NULL, "to both", 200, "\"subscribers\": [2]");
    for (unsigned i = 0; i < 2; i++) {
        stream_expect(&streams[i], "message", "to both", NULL);
        stream_close(&streams[i]);
    }
}

static void case_refusals(void)
{
    static const char names[] = "an event to all names no channel";
    static const char ends[] = "an event to all ends no channel";
    static const char value[] = "all has a value other than 1";
    static const char *const rows[][4] = {
        {"/publish/a?all=1", NULL, "x", names},
        {"/publish?channel=a&all=1", NULL, "x", names},
        {"/publish/a", JSON, "{\"data\": \"x\", \"all\": true}", names},
        {"/publish", JSON, "{\"data\": \"x\", \"all\": true, \"channel\": \"a\"}", names},
        {"/publish?all=1", JSON, "{\"data\": \"x\", \"channel\": \"a\"}", names},
        {"/publish", FORM, "data=x&all=1&channel=a", names},
        {"/publish", SSE, "all: 1\nchannel: a\ndata: x\n\n", names},
        {"/publish?all=1&end=1", NULL, "x", ends},
        {"/publish", JSON, "{\"data\": \"x\", \"all\": true, \"end\": true}", ends},
        {"/publish?all=yes", NULL, "x", value},
        {"/publish?all=1&all=1", NULL, "x", "all is given twice"},
        {"/publish", FORM, "data=x&all=0", value},
        {"/publish", SSE, "all: true\ndata: x\n\n", value},
        {"/publish", JSON, "{\"data\": \"x\", \"all\": 1}", "all is not true or false"},
        {"/publish", JSON, "{\"data\": \"x\", \"all\": false}", "names a channel"},
        {"/publish?all=1", JSON, "[{\"data\": \"x\"}, {\"data\": \"y\", \"end\": true}]",
         "event 2: an event to all ends no channel"},
    };
    long long before = server_stat(&server, "published");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        post_expect(&server, rows[i][0], rows[i][1], rows[i][2], 400, rows[i][3]);
    feed_say("all: 1\nchannel: a\ndata: x\nack: 1\n\n", names);
    feed_say("all: 1\nend: 1\nack: 1\n\n", ends);
    feed_say("all: 2\ndata: x\nack: 1\n\n", value);
    EXPECT_INT(server_stat(&server, "published"), before);
    program_expect_refused(
        (const struct refused[]){{{"pub", "--all", "a", "b"}, "instead of a channel"},
                                 {{"pub", "--all", "--end"}, "ends no channel"},
                                 {{"pub"}, "CHANNEL|--all"}},
        3);
}

/* The limits of a history hold for those to all, and what is lost is told. */
static void case_lost(void)
{
    struct stream first_one, stream;
    char first[136], resume[192], data[8];

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--history-events", "4"));
    open_ready(&first_one, "/events/a", NULL);
    post_expect(&server, "/publish?all=1", NULL, "first", 200, "\"ids\"");
    stream_expect(&first_one, "message", "first", first);
    for (int i = 0; i < 9; i++) {
        snprintf(data, sizeof(data), "%d", i);
        post_expect(&server, i == 1 ? "/publish/a" : "/publish?all=1", NULL, data, 200, "\"ids\"");
        stream_expect(&first_one, "message", data, NULL);
    }
    server_await(&server, "evicted", true, 5); /* of those to all, and what came before them */
    snprintf(resume, sizeof(resume), "Last-Event-ID: %s\r\n", first);
    open_ready(&stream, "/events/a", resume);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "gap");
    struct stream_event gap;
    REQUIRE(stream_next(&stream, &gap), "the stream ended");
    EXPECT_TEXT(gap.type, "fanfare-gap");
    EXPECT(strstr(gap.data, "\"channel\": \"a\"") && strstr(gap.data, "\"missed\": 5}"), "%s",
           gap.data);
    event_free(&gap);
    for (int i = 5; i < 9; i++) {
        snprintf(data, sizeof(data), "%d", i);
        stream_expect(&stream, "message", data, NULL);
    }
    stream_close(&stream);
    stream_close(&first_one);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    check_case("every_stream", case_every_stream);
    check_case("every_history", case_every_history);
    check_case("behind_an_end", case_behind_an_end);
    check_case("keys", case_keys);
    check_case("count", case_count);
    check_case("refusals", case_refusals);
    server_stop(&server);
    check_case("lost", case_lost);
    return check_end();
}
