/* SPDX-License-Identifier: MIT */
/*
 * Subscribers of a running server, one by one, over its administration: they are listed and paged,
 * it is told what became of an event for one of them, and one is sent an event, or ended. Channels,
 * and the server as a whole: steering.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct server server;
static char place[160];

static int ask(const char *method, const char *target, const char *body, struct answer *ret_answer)
{
    struct client client = {.fd = connect_unix(place + 5)};
    client_request(&client, method, target, NULL, body, strlen(body), ret_answer);
    client_close(&client);
    return ret_answer->status;
}

static void expect_said(const char *method, const char *target, const char *body, int status,
                        const char *said)
{
    struct answer answer;
    ask(method, target, body, &answer);
    EXPECT(answer.status == status && strstr(answer.body, said), "%s %s: %d %s, not %d %s", method,
           target, answer.status, answer.body, status, said);
    answer_free(&answer);
}

static void open_stream(struct stream *stream, const char *target)
{
    stream_open(stream, &server, target, NULL);
    stream_await_id(stream);
}

static const char *name_of(const struct stream *stream)
{
    const char *name = stream_field(stream, "fanfare-subscriber");
    return name ? name : "";
}

/* The target of a request about this stream. */
static const char *about(const char *before, const struct stream *stream, const char *behind)
{
    static char target[1024];
    snprintf(target, sizeof(target), "%s%s%s", before, name_of(stream), behind);
    return target;
}

static void publish_to(const char *channel, const char *text, char ret_id[160])
{
    struct client client;
    client_open(&client, &server);
    publish(&client, channel, text, ret_id);
    client_close(&client);
}

static unsigned count_of(const char *text, const char *words)
{
    unsigned count = 0;
    for (; (text = strstr(text, words)); text += strlen(words))
        count++;
    return count;
}

/* --- lists ----------------------------------------------------------------------------------- */

static void expect_statuses(void)
{
    static const struct {
        const char *method, *target;
        int status;
        const char *said;
    } rows[] = {
        {"GET", "/subscribers", 200, "{\"subscribers\": []}"},
        {"GET", "/subscribers?channel=nobody", 200, "{\"subscribers\": []}"},
        {"GET", "/subscribers?limit=1001", 400, "limit is not a number from 1 to 1000"},
        {"GET", "/subscribers?after=x", 400, "after is not a subscriber's id"},
        {"GET", "/subscribers?after=", 400, "after is not a subscriber's id"},
        {"GET", "/subscribers?chanel=a", 400, "unknown parameter"},
        {"GET", "/subscribers/0000000000000001", 404, "there is no such subscriber"},
        {"GET", "/subscribers/x", 404, "there is no such subscriber"},
        {"GET", "/subscribers/", 404, "there is no such subscriber"},
        {"GET", "/explain", 400, "name both"},
        {"GET", "/explain?subscriber=0000000000000001", 400, "name both"},
        {"GET", "/explain?subscriber=0000000000000001&event=", 400, "event is not the id"},
        {"GET", "/explain?subscriber=x&event=y", 404, "there is no such subscriber"},
        {"GET", "/explain?subscriber=ff00000000000001&event=y", 404, "there is no such subscriber"},
        {"POST", "/explain", 405, "this path is only for"},
    };
    for (unsigned i = 0; i < COUNT(rows); i++)
        expect_said(rows[i].method, rows[i].target, "", rows[i].status, rows[i].said);
}

enum { CROWD = 50 };

/* Each once, in order of ids, whichever worker has it; those of one channel alone. */
static void expect_lists(void)
{
    static struct stream crowd[CROWD];
    struct answer answer;
    char target[128], after[64] = "";
    unsigned seen = 0, pages = 0;
    for (unsigned i = 0; i < CROWD; i++)
        open_stream(&crowd[i], i % 10 ? "/events/many" : "/events?channel=few&channel=many");
    ask("GET", about("/subscribers/", &crowd[0], ""), "", &answer);
    EXPECT(answer.status == 200 && strstr(answer.body, name_of(&crowd[0])) &&
               strstr(answer.body, "\"channels\": [\"few\", \"many\"], \"channel_count\": 2, "
                                   "\"address\": \"127.0.0.1\", \"behind\": 0, \"slow\": false"),
           "%s", answer.body);
    answer_free(&answer);
    ask("GET", "/subscribers?channel=few", "", &answer);
    EXPECT_INT(count_of(answer.body, "\"id\": "), CROWD / 10);
    EXPECT_INT(count_of(answer.body, "\"next\": "), 0);
    answer_free(&answer);
    static char all[CROWD * 20];
    for (bool more = true; more; pages++) {
        snprintf(target, sizeof(target), "/subscribers?channel=many&limit=7%s%s",
                 *after ? "&after=" : "", after);
        REQUIRE(ask("GET", target, "", &answer) == 200, "%s", answer.body);
        for (const char *at = answer.body; (at = strstr(at, "\"id\": \"")); seen++) {
            at += strlen("\"id\": \"");
            EXPECT(strncmp(at, after, 16) > 0, "%.16s behind %s", at, after);
            snprintf(after, sizeof(after), "%.16s", at);
            strcat(all, after);
        }
        more = strstr(answer.body, "\"next\": ") != NULL;
        answer_free(&answer);
    }
    EXPECT_INT(seen, CROWD);
    EXPECT_INT(pages, (CROWD + 6) / 7);
    for (unsigned i = 0; i < CROWD; i++) {
        EXPECT(strstr(all, name_of(&crowd[i])), "%s is not listed", name_of(&crowd[i]));
        stream_close(&crowd[i]);
    }
}

/* Until the server has seen that this stream has ended. */
static void await_gone(const char *name)
{
    struct answer answer;
    char target[128];
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    snprintf(target, sizeof(target), "/subscribers/%s", name);
    do {
        REQUIRE(check_now_ms() < due_ms, "%s does not go", name);
        ask("GET", target, "", &answer);
        answer_free(&answer);
    } while (answer.status != 404);
}

/* --- explain --------------------------------------------------------------------------------- */

static void expect_explained(void)
{
    struct stream stream, late;
    char first[160], other[160], last[160], target[512];
    publish_to("a", "first", first);
    open_stream(&stream, "/events/a");
    publish_to("b", "other", other);
    publish_to("a", "last", last);
    stream_expect(&stream, "message", "last", (char[136]){0});
    open_stream(&late, "/events/a");
    expect_said("GET", about("/explain?subscriber=", &stream, ""), "", 400, "name both");
    snprintf(target, sizeof(target), "&event=%s", last);
    expect_said("GET", about("/explain?subscriber=", &stream, target), "", 200,
                "{\"delivered\": true, \"reason\": \"sent\", \"text\": \"");
    expect_said("GET", about("/explain?subscriber=", &late, target), "", 200,
                "{\"delivered\": false, \"reason\": \"before-join\", \"text\": \"");
    snprintf(target, sizeof(target), "&event=%s", other);
    expect_said("GET", about("/explain?subscriber=", &stream, target), "", 200,
                "{\"delivered\": false, \"reason\": \"not-subscribed\"");
    expect_said("GET", about("/explain?subscriber=", &stream, "&event=nothing"), "", 200,
                "{\"delivered\": null, \"reason\": \"evicted\"");
    /* Of a stream that has ended, and so was not sent what came later. */
    char name[64];
    snprintf(name, sizeof(name), "%s", name_of(&stream));
    stream_close(&stream);
    stream_close(&late);
    await_gone(name);
    publish_to("a", "unseen", other);
    snprintf(target, sizeof(target), "/explain?subscriber=%s&event=%s", name, other);
    expect_said("GET", target, "", 200, "{\"delivered\": false, \"reason\": \"gone\"");
    snprintf(target, sizeof(target), "/explain?subscriber=%s&event=%s", name, last);
    expect_said("GET", target, "", 200, "{\"delivered\": true, \"reason\": \"sent\"");
}

/* --- steering one ---------------------------------------------------------------------------- */

/* What may stand in a body, and whom it can be for. */
static void expect_bodies(struct stream *stream, const char *last)
{
    char id[136];
    static const struct {
        const char *type, *body;
        int status;
        const char *said;
    } rows[] = {
        {"application/json", "{\"data\": \"j\", \"event\": \"t\"}", 204, ""},
        {"application/json", "{\"data\": \"j\", \"id\": \"mine\"}", 400, "neither an id nor a key"},
        {"application/json", "{\"data\": \"j\", \"key\": \"k\"}", 400, "neither an id nor a key"},
        {"application/json", "{\"data\": \"j\", \"channel\": \"b\"}", 400, "of no channel"},
        {"application/json", "{\"data\": \"j\", \"end\": true}", 400, "ends no channel"},
        {"application/json", "{\"data\": \"j\", \"all\": true}", 400, "is not to all"},
        {"application/x-www-form-urlencoded", "data=j&all=1", 400, "is not to all"},
        {"application/json", "[{\"data\": \"1\"}, {\"data\": \"2\"}]", 400, "one event at a time"},
        {"application/x-www-form-urlencoded", "data=f&retry=77", 204, ""},
        {"text/event-stream", "data: s\n\n", 204, ""},
        {"image/png", "x", 415, "{\"error\": "},
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct client client = {.fd = connect_unix(place + 5)};
        struct answer answer;
        char fields[128];
        snprintf(fields, sizeof(fields), "Content-Type: %s\r\n", rows[i].type);
        client_request(&client, "POST", about("/subscribers/", stream, ""), fields, rows[i].body,
                       strlen(rows[i].body), &answer);
        EXPECT(answer.status == rows[i].status && strstr(answer.body, rows[i].said), "%s: %d %s",
               rows[i].body, answer.status, answer.body);
        answer_free(&answer);
        client_close(&client);
    }
    stream_expect(stream, "t", "j", id);
    stream_expect(stream, "message", "f", id);
    stream_expect(stream, "message", "s", id);
    EXPECT_INT(stream->retry, 77);
    EXPECT_TEXT(id, last);
    expect_said("POST", about("/subscribers/", stream, "?id=x"), "x", 400, "unknown parameter");
    expect_said("POST", "/subscribers", "x", 400, "name the subscriber");
    expect_said("DELETE", "/subscribers", "", 400, "name the subscriber");
    expect_said("POST", "/subscribers/0000000000000000", "x", 404, "there is no such subscriber");
    expect_said("DELETE", "/subscribers/ff00000000000001", "", 404, "there is no such subscriber");
    expect_said("POST", "/subscribers/00000000ffffff01", "x", 404, "there is no such subscriber");
}

static void expect_ended(struct stream *stream)
{
    /* It is ended with what it lacks, and not again. */
    char name[64], id[160];
    publish_to("a", "bye", id);
    snprintf(name, sizeof(name), "%s", name_of(stream));
    expect_said("DELETE", about("/subscribers/", stream, ""), "", 204, "");
    stream_expect(stream, "message", "bye", id);
    stream_expect_end(stream);
    EXPECT(stream->retry > 77, "its slot is %ld", stream->retry);
    stream_close(stream);
    await_gone(name);
}

/* In its place among the channel's events, for that one alone, and in no history. */
static void expect_sent(void)
{
    struct stream one, other, later;
    char first[160], last[160], id[160];
    open_stream(&one, "/events/a");
    open_stream(&other, "/events/a");
    publish_to("a", "first", first);
    expect_said("POST", about("/subscribers/", &one, "?event=note"), "only you", 204, "");
    publish_to("a", "last", last);
    stream_expect(&one, "message", "first", id);
    EXPECT_TEXT(id, first);
    stream_expect(&one, "note", "only you", id);
    EXPECT_TEXT(id, first);
    stream_expect(&one, "message", "last", id);
    EXPECT_TEXT(id, last);
    stream_expect(&other, "message", "first", id);
    stream_expect(&other, "message", "last", id);
    open_stream(&later, "/events/a?last=2&wait=no");
    stream_expect(&later, "message", "first", id);
    stream_expect(&later, "message", "last", id);
    stream_expect_end(&later);
    stream_close(&later);
    stream_close(&other);
    expect_bodies(&one, last);
    expect_ended(&one);
}

static void case_looking(void)
{
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--admin", place));
    expect_statuses();
    expect_lists();
    expect_explained();
    expect_sent();
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    snprintf(place, sizeof(place), "unix:/tmp/fanfare-e2e-observed-%d", (int)getpid());
    check_case("looking", case_looking);
    return check_end();
}
