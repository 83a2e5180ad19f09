/* SPDX-License-Identifier: MIT */
/*
 * What a client may ask of its stream, byte by byte: where it begins, what it consists of, when it
 * ends, and in which ways it is asked for.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

/* HTTP/1.0, whose body is the event stream as it is. */
static void ask(struct client *client, const char *target)
{
    char request[512];

    client_open(client, &server);
    snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", target);
    REQUIRE(client_say(client, request), "%s: closed", target);
}

/* What has come behind the head, once it has `text` in it. */
static const char *body_with(struct client *client, const char *text)
{
    for (;;) {
        char *head_end = client->len ? memmem(client->bytes, client->len, "\r\n\r\n", 4) : NULL;
        char *body = head_end ? head_end + 4 : NULL;
        if (body && memmem(body, client->len - (size_t)(body - client->bytes), text, strlen(text)))
            return body;
        REQUIRE(client_read(client), "the stream ended without \"%s\": %.*s", text,
                (int)client->len, client->len ? client->bytes : "");
    }
}

static unsigned count(const char *bytes, size_t len, const char *text)
{
    unsigned found = 0;
    const char *end = bytes + len;

    while ((bytes = memmem(bytes, (size_t)(end - bytes), text, strlen(text))) != NULL) {
        found++;
        bytes += strlen(text);
    }
    return found;
}

/* Blank lines of a stream's body. */
static unsigned blank_lines(const struct client *client, const char *body)
{
    return count(body, client->len - (size_t)(body - client->bytes), "\n\n");
}

static void case_nothing_but_events(void)
{
    struct client bare, usual, publisher;
    char id[160], event[256];

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--heartbeat", "1"));
    ask(&bare, "/events/bare?preface=no");
    ask(&usual, "/events/bare");
    EXPECT(strncmp(body_with(&usual, "\n\n"), "retry: 2000\nid: ", 16) == 0, "the usual preface");
    const char *body = body_with(&bare, ":\n");
    EXPECT(strncmp(body, ":\n", 2) == 0, "begins with \"%.40s\"", body);
    client_open(&publisher, &server);
    publish(&publisher, "bare", "one", id);
    snprintf(event, sizeof(event), "data: one\nid: %s\n\n", id);
    body_with(&bare, event);
    body = body_with(&bare, "\n\n:\n"); /* a heartbeat behind it */
    EXPECT_INT(blank_lines(&bare, body), 1);
    body = body_with(&usual, "\n\n:\n");
    EXPECT_INT(blank_lines(&usual, body), 2);
    client_close(&publisher);
    server_terminate(&server);
    body = body_with(&bare, "\nretry: ");
    while (client_read(&bare))
        continue;
    EXPECT_INT(blank_lines(&bare, body), 1);
    client_close(&bare);
    client_close(&usual);
    server_wait(&server);
}

static void case_preface_option(void)
{
    struct client bare, usual, wrong;
    struct answer answer;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--heartbeat", "1", "--preface", "no"));
    ask(&bare, "/events/bare");
    ask(&usual, "/events/bare?preface=yes");
    EXPECT(strncmp(body_with(&bare, "\n"), ":\n", 2) == 0, "a preface although there is none");
    EXPECT(strncmp(body_with(&usual, "\n"), "retry: 2000\nid: ", 10) == 0, "none although asked");
    client_close(&bare);
    client_close(&usual);
    client_open(&wrong, &server);
    client_request(&wrong, "GET", "/events/bare?preface=maybe", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 400);
    EXPECT_TEXT(answer.body, "preface is neither yes nor no\n");
    answer_free(&answer);
    client_close(&wrong);
    server_stop(&server);
}

/* A whole response: its events and its end. */
static void expect_poll(const char *target, const char *const *wanted)
{
    struct stream stream;

    stream_open(&stream, &server, target, NULL);
    stream_await_head(&stream);
    EXPECT(stream.status == 200, "%s: %d", target, stream.status);
    check_note(target);
    for (; *wanted; wanted++)
        stream_expect(&stream, "message", *wanted, NULL);
    stream_expect_end(&stream);
    EXPECT(stream.last_id[0], "no id to go on with");
    stream_close(&stream);
    check_note(NULL);
}

#define EVENTS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* What is there, and the end; from nothing, the end. */
static void case_wait_no(void)
{
    struct client publisher;
    char id[3][160], target[256];

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--heartbeat", "1"));
    client_open(&publisher, &server);
    for (int i = 0; i < 3; i++)
        publish(&publisher, "p", (const char *[]){"a", "b", "c"}[i], id[i]);
    expect_poll("/events/p?wait=no", EVENTS());
    expect_poll("/events/p?wait=no&last=2", EVENTS("b", "c"));
    expect_poll("/events/p?wait=0&last-event-id=earliest", EVENTS("a", "b", "c"));
    expect_poll("/events?channel=p&channel=q&wait=no&last-event-id=earliest&limit=2",
                EVENTS("a", "b"));
    snprintf(target, sizeof(target), "/events/p?wait=no&lastEventId=%s", id[0]);
    expect_poll(target, EVENTS("b", "c"));
    snprintf(target, sizeof(target), "/events/p?wait=5&last_event_id=%s", id[1]);
    expect_poll(target, EVENTS("c")); /* what is there is not waited for */
    EXPECT_INT(server_stat(&server, "closed_limit"), 6);
    EXPECT_INT(server_stat(&server, "gaps_told"), 0);

    /* A gap is an answer, too. */
    struct stream stream;
    stream_open(&stream, &server, "/events/p?wait=3600&last-event-id=000000000001-0000000000000001",
                NULL);
    stream_expect(&stream, "fanfare-gap", NULL, NULL);
    for (int i = 0; i < 3; i++)
        stream_expect(&stream, "message", (const char *[]){"a", "b", "c"}[i], NULL);
    stream_expect_end(&stream);
    stream_close(&stream);
    client_close(&publisher);
    server_stop(&server);
}

static void case_long_poll(void)
{
    struct client publisher;
    struct stream first, second, half;
    struct stream_event event;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--heartbeat", "1"));
    client_open(&publisher, &server);
    stream_open(&first, &server, "/events/p?wait=3600", NULL);
    stream_open(&second, &server, "/events?channel=q&channel=p&wait=3600&limit=1", NULL);
    stream_open(&half, &server, "/events/p?wait=3600", NULL);
    stream_await_id(&first);
    stream_await_id(&second);
    stream_await_id(&half);
    shutdown(half.fd, SHUT_WR); /* who sends no more gets it all the same */
    server_await(&server, "heartbeats", true, 3);
    publish(&publisher, "p", "the first", NULL);
    stream_expect(&first, "message", "the first", NULL);
    stream_expect_end(&first);
    stream_expect(&second, "message", "the first", NULL);
    stream_expect_end(&second);
    stream_expect(&half, "message", "the first", NULL);
    stream_expect_end(&half);
    stream_close(&first);
    stream_close(&second);
    stream_close(&half);
    /* Nothing comes: the end, in its time. */
    int64_t start = check_now_ms();
    stream_open(&first, &server, "/events/p?wait=1", NULL);
    while (stream_next(&first, &event))
        EXPECT(false, "an event: %s", event.data);
    stream_expect_end(&first);
    EXPECT(check_now_ms() - start >= 990, "it ended after %lld ms",
           (long long)(check_now_ms() - start));
    stream_close(&first);
    EXPECT_INT(server_stat(&server, "closed_limit"), 4);
    EXPECT_INT(server_stat(&server, "subscribers"), 0);
    /* One behind the other, none is lost. */
    char target[256], id[160], text[32];
    publish(&publisher, "p", "0", id);
    for (int i = 1; i < 100; i++) {
        snprintf(target, sizeof(target), "/events/p?wait=3600&last-event-id=%s", id);
        stream_open(&first, &server, target, NULL);
        if (i % 2)
            stream_await_head(&first);
        snprintf(text, sizeof(text), "%d", i);
        publish(&publisher, "p", text, id);
        stream_expect(&first, "message", text, NULL);
        stream_expect_end(&first);
        stream_close(&first);
    }
    client_close(&publisher);
    server_stop(&server);
}

/* Asks with a body, and has the stream. */
static void ask_with(struct stream *stream, const char *method, const char *target,
                     const char *fields, const char *body)
{
    char request[2048];

    int len = snprintf(request, sizeof(request),
                       "%s %s HTTP/1.1\r\nHost: t\r\n%sContent-Length: %zu\r\n\r\n%s", method,
                       target, fields, strlen(body), body);
    stream_init(stream, connect_tcp(&server, 0), NULL, NULL);
    /* In two pieces, so that the head is there before the body. */
    int head = (int)(strstr(request, "\r\n\r\n") - request) + 4;
    REQUIRE(send(stream->fd, request, (size_t)head, MSG_NOSIGNAL) == head, "send");
    REQUIRE(send(stream->fd, request + head, (size_t)(len - head), MSG_NOSIGNAL) == len - head,
            "send");
    stream_await_head(stream);
    EXPECT(stream->status == 200, "%s %s: %d", method, target, stream->status);
}

#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"

/* POST and QUERY say in the body what a GET says in its query. */
static void case_asked_by_body(void)
{
    static const char *const methods[] = {"POST", "QUERY"};
    struct client publisher;
    struct stream stream;
    char id[160], body[512];

    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    client_open(&publisher, &server);
    publish(&publisher, "a", "1", NULL);
    publish(&publisher, "b", "2", id);
    publish(&publisher, "c", "3", NULL);
    for (int i = 0; i < 2; i++) {
        ask_with(&stream, methods[i], "/events", FORM_TYPE, "channel=a&channel=c&last=5&limit=3");
        stream_expect(&stream, "message", "1", NULL);
        stream_expect(&stream, "message", "3", NULL);
        publish(&publisher, "b", "nobody asked", NULL);
        publish(&publisher, "a", "live", NULL);
        stream_expect(&stream, "message", "live", NULL);
        stream_expect_end(&stream);
        stream_close(&stream);
        snprintf(body, sizeof(body),
                 "{\"channels\": [\"b\", \"c\"], \"last_event_id\": \"%s\", \"wait\": \"no\"}", id);
        ask_with(&stream, methods[i], "/events", JSON_TYPE, body);
        stream_expect(&stream, "message", "3", NULL);
        for (int more = 0; more <= i; more++)
            stream_expect(&stream, "message", "nobody asked", NULL);
        stream_expect_end(&stream);
        EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "complete");
        stream_close(&stream);
        /* The header beats the body; a path's channel needs nothing in it. */
        ask_with(&stream, methods[i], "/events/c", JSON_TYPE "Last-Event-ID: earliest\r\n",
                 "{\"last_event_id\": \"x\", \"limit\": 1}");
        stream_expect(&stream, "message", "3", NULL);
        stream_expect_end(&stream);
        stream_close(&stream);
        ask_with(&stream, methods[i], "/events/c?last=1&limit=1", JSON_TYPE, "{}");
        stream_expect(&stream, "message", "3", NULL);
        stream_expect_end(&stream);
        stream_close(&stream);
        ask_with(&stream, methods[i], "/events/c?last=1&limit=1", "", "");
        stream_expect(&stream, "message", "3", NULL);
        stream_expect_end(&stream);
        stream_close(&stream);
    }
    EXPECT_INT(server_stat(&server, "gaps_told"), 0);
    client_close(&publisher);
    server_stop(&server);
}

static void expect_status(const char *method, const char *target, const char *fields,
                          const char *body, int status)
{
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    client_request(&client, method, target, fields, body, strlen(body), &answer);
    EXPECT(answer.status == status, "%s %s %s: %d %s", method, target, fields, answer.status,
           answer.body);
    answer_free(&answer);
    client_close(&client);
}

/* What holds for a URL's channels holds for those of a body, and a page may not POST everywhere. */
static void case_asked_by_body_in_vain(void)
{
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--query-channels", "no", "--subscribers-max",
                                "1", "--allow-origin", "https://a.example"));
    expect_status("POST", "/events/x", FORM_TYPE, "channel=y", 400);
    expect_status("QUERY", "/events", JSON_TYPE, "{\"channels\": [\"y\"]}", 400);
    expect_status("POST", "/events/x", JSON_TYPE "Origin: https://b.example\r\n", "{}", 403);
    expect_status("POST", "/events/x", JSON_TYPE "Origin: null\r\n", "{}", 403);
    struct stream first;
    ask_with(&first, "POST", "/events/x", JSON_TYPE "Origin: https://a.example\r\n", "{}");
    expect_status("POST", "/events/x", JSON_TYPE, "{}", 503);
    expect_status("QUERY", "/events/x", JSON_TYPE "Accept: text/event-stream\r\n", "{}", 200);
    EXPECT_INT(server_stat(&server, "subscribers_put_off"), 1);
    stream_close(&first);
    server_stop(&server);
}

/* As many channels as one stream may have: every event once and in order, and every loss told. */
static void case_many_channels(void)
{
    enum { CHANNELS = 4096 };
    static char body[CHANNELS * 12], head[512];
    static bool told[CHANNELS];
    struct client publisher, more;
    struct stream stream;
    struct stream_event event;
    struct answer answer;
    char channel[32], text[32], id[160];

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--subscriber-channels-max", "4096"));
    client_open(&publisher, &server);
    size_t len = (size_t)sprintf(body, "{\"channels\": [\"c0\"");
    for (int i = 1; i < CHANNELS; i++)
        len += (size_t)sprintf(body + len, ", \"c%d\"", i);
    len += (size_t)sprintf(body + len, "]}");
    for (int i = 0; i < 200; i++) {
        snprintf(channel, sizeof(channel), "c%d", i * 7919 % CHANNELS);
        snprintf(text, sizeof(text), "%d", i);
        publish(&publisher, channel, text, i == 0 ? id : NULL);
    }
    for (int round = 0; round < 2; round++) {
        /* From the first event on; then from another start of the server's. */
        sprintf(head,
                "POST /events HTTP/1.1\r\nHost: t\r\n" JSON_TYPE "Last-Event-ID: %s\r\n"
                "Content-Length: %zu\r\n\r\n",
                round == 0 ? id : "000000000001-0000000000000001", len);
        stream_init(&stream, connect_tcp(&server, 0), NULL, NULL);
        more = (struct client){.fd = stream.fd};
        REQUIRE(client_say(&more, head) && client_send(&more, body, len), "the server has closed");
        for (int i = 0; round == 1 && i < CHANNELS; i++) {
            int number = -1;
            REQUIRE(stream_next(&stream, &event), "the stream ended");
            const char *name = strstr(event.data, "\"channel\": \"c");
            EXPECT(strcmp(event.type, "fanfare-gap") == 0 && name &&
                       strstr(event.data, "restarted"),
                   "%s", event.data);
            REQUIRE(name && sscanf(name, "\"channel\": \"c%d\"", &number) == 1 && number >= 0 &&
                        number < CHANNELS && !told[number],
                    "%s", event.data);
            told[number] = true;
            event_free(&event);
        }
        for (int i = round == 0 ? 1 : 0; i < 200; i++) {
            snprintf(text, sizeof(text), "%d", i);
            stream_expect(&stream, "message", text, NULL);
        }
        if (round == 1)
            stream_expect(&stream, "message", "live", NULL);
        publish(&publisher, "c4095", "live", NULL);
        stream_expect(&stream, "message", "live", NULL);
        publish(&publisher, "c4096", "not asked for", NULL);
        if (round == 0)
            stream_close(&stream);
    }
    publish(&publisher, "c0", "the end", NULL);
    stream_expect(&stream, "message", "the end", NULL);
    stream_close(&stream);
    body[len - 2] = '\0';
    len = strlen(body) + (size_t)sprintf(body + len - 2, ", \"more\"]}");
    client_request(&publisher, "POST", "/events", JSON_TYPE, body, len, &answer);
    EXPECT_INT(answer.status, 400);
    EXPECT_TEXT(answer.body, "more than 4096 channels are given\n");
    answer_free(&answer);
    client_close(&publisher);
    server_stop(&server);
}

/* From the oldest that is retained, by header and query; what is gone is no gap. */
static void case_earliest(void)
{
    static const char *const names[] = {"last-event-id", "lastEventId", "lastEventID",
                                        "last_event_id", "Last-Event-ID"};
    struct client publisher;
    struct stream stream;
    struct answer answer;
    char target[128], text[16], id[160];

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-events", "5"));
    client_open(&publisher, &server);
    for (int i = 0; i < 9; i++) {
        snprintf(text, sizeof(text), "%d", i);
        publish(&publisher, "p", text, id);
    }
    for (int i = 0; i < 6; i++) {
        if (i < 5)
            snprintf(target, sizeof(target), "/events/p?%s=earliest", names[i]);
        stream_open(&stream, &server, i < 5 ? target : "/events/p?last-event-id=unknown",
                    i < 5 ? NULL : "Last-Event-ID: earliest\r\n");
        for (int event = 4; event < 9; event++) {
            snprintf(text, sizeof(text), "%d", event);
            stream_expect(&stream, "message", text, NULL);
        }
        EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "none");
        stream_close(&stream);
    }
    /* It is nobody's own id. */
    client_request(&publisher, "POST", "/publish/p?id=earliest", NULL, "x", 1, &answer);
    EXPECT_INT(answer.status, 400);
    EXPECT_TEXT(answer.body, "the id earliest means the oldest event: choose another\n");
    answer_free(&answer);
    client_close(&publisher);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("nothing_but_events", case_nothing_but_events);
    check_case("preface_option", case_preface_option);
    check_case("wait_no", case_wait_no);
    check_case("long_poll", case_long_poll);
    check_case("asked_by_body", case_asked_by_body);
    check_case("asked_by_body_in_vain", case_asked_by_body_in_vain);
    check_case("many_channels", case_many_channels);
    check_case("earliest", case_earliest);
    return check_end();
}
