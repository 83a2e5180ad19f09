/* SPDX-License-Identifier: MIT */
/*
 * What can be asked of a running server over its administration: each request, its statuses and
 * members, lists of many pages while events flow, many requests at once, and clients and servers
 * that leave before the answer. Who may ask: admin.c.
 */
#include <signal.h>
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

static struct client open_admin(void)
{
    return (struct client){.fd = connect_unix(place + 5)};
}

/* The status; the answer stays in `ret_answer`, if somebody wants it. */
static int ask_with(struct client *client, const char *method, const char *target, const char *body,
                    struct answer *ret_answer)
{
    struct answer answer;
    client_request(client, method, target, NULL, body, strlen(body), &answer);
    int status = answer.status;
    if (ret_answer)
        *ret_answer = answer;
    else
        answer_free(&answer);
    return status;
}

static int ask(const char *method, const char *target, const char *body, struct answer *ret_answer)
{
    struct client client = open_admin();
    int status = ask_with(&client, method, target, body, ret_answer);
    client_close(&client);
    return status;
}

static void expect_said(const char *method, const char *target, int status, const char *said)
{
    struct answer answer;
    int seen = ask(method, target, "", &answer);
    EXPECT(seen == status && strstr(answer.body, said), "%s %s: %d %s", method, target, seen,
           answer.body);
    answer_free(&answer);
}

static void publish_to(const char *channel, const char *text)
{
    struct client client;
    char id[160];
    client_open(&client, &server);
    publish(&client, channel, text, id);
    client_close(&client);
}

/* --- subscribers ----------------------------------------------------------------------------- */

/* What a stream is called, 16 hex digits, or "". */
static const char *name_of(const struct stream *stream)
{
    const char *name = stream_field(stream, "fanfare-subscriber");
    return name && strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16 ? name : "";
}

/* Each stream's head has its name, and no other one's. */
static void expect_named(const struct stream *streams, unsigned count)
{
    char before[17] = "";
    for (unsigned i = 0; i < count; i++) {
        EXPECT(name_of(&streams[i])[0] && strcmp(name_of(&streams[i]), before) != 0, "%s",
               streams[i].head);
        snprintf(before, sizeof(before), "%s", name_of(&streams[i]));
    }
}

/* --- channels -------------------------------------------------------------------------------- */

/* Of an empty server. */
static void expect_statuses(void)
{
    static const struct {
        const char *method, *target;
        int status;
        const char *said;
    } rows[] = {
        {"GET", "/channels?limit=0", 400, "limit is not a number from 1 to 1000"},
        {"GET", "/channels?limit=1001", 400, "limit is not a number from 1 to 1000"},
        {"GET", "/channels?limit=x", 400, "limit"},
        {"GET", "/channels?limit=1&limit=2", 400, "twice"},
        {"GET", "/channels?afte=x", 400, "unknown parameter \\\"afte\\\""},
        {"GET", "/channels?after=%0a", 400, "{\"error\": \""},
        {"GET", "/channels/%zz", 400, "hex"},
        {"GET", "/channels/a?channel=b", 400, "more than one channel"},
        {"GET", "/channels/nobody", 404, "there is no such channel"},
        {"GET", "/channels?channel=..", 404, "there is no such channel"},
        {"GET", "/channels/..", 400, "dots"},
        {"POST", "/channels", 405, "this path is only for"},
        {"PUT", "/channels/a", 405, "this path is only for"},
        {"GET", "/channels?after=zzz", 200, "{\"channels\": []}"},
    };
    for (unsigned i = 0; i < COUNT(rows); i++)
        expect_said(rows[i].method, rows[i].target, rows[i].status, rows[i].said);
}

static void case_channels(void)
{
    struct stream streams[3];
    struct answer answer;
    char id[160], member[256];
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--admin", place));
    expect_statuses();
    for (unsigned i = 0; i < 3; i++) {
        stream_open(&streams[i], &server, i ? "/events/a/1" : "/events?channel=a/1&channel=%C3%A4",
                    NULL);
        stream_await_id(&streams[i]);
    }
    expect_named(streams, 3);
    struct client client;
    client_open(&client, &server);
    publish(&client, "a/1", "one", id);
    publish(&client, "a/1", "two", id);
    client_close(&client);
    stream_expect(&streams[0], "message", "one", (char[136]){0});
    stream_expect(&streams[0], "message", "two", (char[136]){0});

    /* Over all workers, and counted once. */
    EXPECT_INT(ask("GET", "/channels/a/1", "", &answer), 200);
    snprintf(member, sizeof(member), "\"last_id\": \"%s\"", id);
    EXPECT(
        strstr(answer.body, "{\"name\": \"a/1\", \"subscribers\": 3, \"events\": 2, \"bytes\": ") &&
            strstr(answer.body, member) && strstr(answer.body, "\"ended\": false}"),
        "%s", answer.body);
    const char *type = answer_field(&answer, "content-type");
    EXPECT_TEXT(type ? type : "(none)", "application/json");
    type = answer_field(&answer, "cache-control");
    EXPECT_TEXT(type ? type : "(none)", "no-store");
    answer_free(&answer);
    expect_said("GET", "/channels/a%2F1", 200, "\"name\": \"a/1\"");
    expect_said("GET", "/channels?channel=%C3%A4", 200, "\"subscribers\": 1, \"events\": 0");
    expect_said("GET", "/channels/%C3%A4", 200, "\"last_id\": null");
    expect_said("GET", "/channels?limit=1", 200, "\"next\": \"a/1\"}");
    expect_said("GET", "/channels?limit=1&after=a/1", 200, "{\"channels\": [{\"name\": \"ä\"");
    client_open(&client, &server);
    EXPECT_INT(ask_with(&client, "POST", "/publish/a/1?end=1", "bye", NULL), 200);
    client_close(&client);
    for (unsigned i = 1; i < 3; i++) {
        stream_expect(&streams[i], "message", "one", (char[136]){0});
        stream_expect(&streams[i], "message", "two", (char[136]){0});
        stream_expect(&streams[i], "message", "bye", (char[136]){0});
        stream_expect_end(&streams[i]);
    }
    expect_said("GET", "/channels/a/1", 200, "\"ended\": true");
    struct client head = open_admin();
    client_say(&head, "HEAD /channels HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(client_answer(&head, true, &answer), "no answer to HEAD");
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    client_close(&head);
    for (unsigned i = 0; i < 3; i++)
        stream_close(&streams[i]);
    server_stop(&server);
}

/* What was published before a close is delivered, who listens to the channel alone is ended, who
 * has others keeps those, and the name is free at once. */
static void case_close(void)
{
    struct stream alone, both, later;
    struct answer answer;
    char id[136];
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--admin", place));
    stream_open(&alone, &server, "/events/a", NULL);
    stream_await_id(&alone);
    stream_open(&both, &server, "/events?channel=a&channel=b", NULL);
    stream_await_id(&both);
    publish_to("a", "before");
    EXPECT_INT(ask("DELETE", "/channels/a", "", &answer), 204);
    EXPECT_INT(answer.body_len, 0);
    answer_free(&answer);
    publish_to("a", "after");
    publish_to("b", "other");
    stream_expect(&alone, "message", "before", id);
    stream_expect_end(&alone);
    stream_expect(&both, "message", "before", id);
    stream_expect(&both, "message", "other", id);
    /* Of the fresh one's history nothing is from before. */
    stream_open(&later, &server, "/events/a?last-event-id=earliest&wait=no", NULL);
    stream_expect(&later, "message", "after", id);
    stream_expect_end(&later);
    stream_close(&later);
    expect_said("DELETE", "/channels", 400, "DELETE /channels/NAME");
    expect_said("DELETE", "/channels/nobody", 404, "there is no such channel");
    /* One that has ended is free again, too. */
    struct client client;
    client_open(&client, &server);
    EXPECT_INT(ask_with(&client, "POST", "/publish/c?end=1", "x", NULL), 200);
    EXPECT_INT(ask_with(&client, "POST", "/publish/c", "x", NULL), 409);
    EXPECT_INT(ask("DELETE", "/channels?channel=c", "", NULL), 204);
    EXPECT_INT(ask_with(&client, "POST", "/publish/c", "x", NULL), 200);
    client_close(&client);
    stream_close(&alone);
    stream_close(&both);
    server_stop(&server);
}

static void expect_told(struct stream *watch, const char *type, const char *said)
{
    struct stream_event event;
    REQUIRE(stream_next(watch, &event), "the stream has ended");
    EXPECT_TEXT(event.type, type);
    EXPECT(strstr(event.data, said), "%s", event.data);
    event_free(&event);
}

/* Who goes on with other channels does not count in the closed one any more: not for who reads who
 * is there, nor for how many may be. */
static void case_close_makes_room(void)
{
    struct stream watch, both, next, more;
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--admin", place, "--channel",
                                         "a presence subscribers-max=1", "--channel",
                                         "b presence subscribers-max=1"));
    stream_open(&watch, &server, "/events/@presence/a", NULL);
    stream_await_id(&watch);
    stream_open(&both, &server, "/events?channel=a&channel=b", NULL);
    stream_await_id(&both);
    expect_told(&watch, "join", "\"subscribers\": 1");
    EXPECT_INT(ask("DELETE", "/channels/a", "", NULL), 204);
    expect_told(&watch, "leave", "\"subscribers\": 0");
    stream_open(&next, &server, "/events/a", NULL);
    stream_await_head(&next);
    EXPECT_INT(next.status, 200);
    expect_told(&watch, "join", "\"subscribers\": 1");
    stream_open(&more, &server, "/events/b", NULL);
    stream_await_head(&more);
    EXPECT_INT(more.status, 429);
    stream_close(&both);
    stream_close(&next);
    expect_told(&watch, "leave", "\"subscribers\": 0");
    stream_close(&more);
    stream_close(&watch);
    server_stop(&server);
}

static void expect_logged(const char *path, const char *said)
{
    char text[4096];
    FILE *file = fopen(path, "r");
    REQUIRE(file, "%s", path);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    EXPECT(strstr(text, said), "the log: %s", text);
}

/* Everybody is ended in order, with a slot of his own, and may come back at once; nobody is said to
 * have been cut when the server stops. */
static void case_kick(void)
{
    enum { CROWD = 20 };
    static struct stream streams[CROWD];
    struct stream later;
    char id[136], log[64];
    long least = 0, most = 0;
    snprintf(log, sizeof(log), "/tmp/fanfare-kick-%d.log", (int)getpid());
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--admin", place, "--log", log));
    for (unsigned i = 0; i < CROWD; i++) {
        stream_open(&streams[i], &server, i % 2 ? "/events/a" : "/events?channel=a&channel=b",
                    NULL);
        stream_await_id(&streams[i]);
    }
    publish_to("a", "before");
    expect_said("GET", "/kick", 405, "only for POST");
    expect_said("POST", "/kick?channel=b", 400, "channel\\\"; this path takes none");
    EXPECT_INT(ask("POST", "/kick", "whatever", NULL), 204);
    stream_open(&later, &server, "/events/a", NULL);
    stream_await_id(&later);
    for (unsigned i = 0; i < CROWD; i++) {
        stream_expect(&streams[i], "message", "before", id);
        stream_expect_end(&streams[i]);
        least = i == 0 || streams[i].retry < least ? streams[i].retry : least;
        most = streams[i].retry > most ? streams[i].retry : most;
        stream_close(&streams[i]);
    }
    EXPECT(least > 0 && least < most, "slots from %ld to %ld", least, most);
    publish_to("a", "after");
    stream_expect(&later, "message", "after", id);
    stream_close(&later);
    server_stop(&server);
    expect_logged(log, ", 0 subscribers cut by the drain timeout");
    unlink(log);
}

enum { CHANNELS = 1000 };

static void publish_many(void)
{
    static char body[1024 * 64];
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    for (unsigned at = 0; at < CHANNELS;) {
        size_t len = 0;
        for (unsigned i = 0; i < 500; i++, at++)
            len += (size_t)snprintf(body + len, sizeof(body) - len, "channel: %u\ndata: x\n\n",
                                    10000 + at);
        client_request(&client, "POST", "/publish", "Content-Type: text/event-stream\r\n", body,
                       len, &answer);
        REQUIRE(answer.status == 200, "%d %s", answer.status, answer.body);
        answer_free(&answer);
    }
    client_close(&client);
}

/* Each once and in order, while others come that are in front of all and behind them. */
static void expect_pages(void)
{
    char target[128], after[64] = "1";
    unsigned seen = 0, pages = 0;
    publish_many();
    struct client client = open_admin();
    for (bool more = true; more; pages++) {
        struct answer answer;
        char name[64];
        snprintf(name, sizeof(name), "%s/%u", pages % 2 ? "0" : "9", pages);
        publish_to(name, "x");
        snprintf(target, sizeof(target), "/channels?limit=%u&after=%s", pages ? 120 : 1, after);
        EXPECT_INT(ask_with(&client, "GET", target, "", &answer), 200);
        for (const char *at = answer.body; (at = strstr(at, "{\"name\": \""));) {
            at += strlen("{\"name\": \"");
            if (*at == '9')
                break; /* the newcomers */
            REQUIRE((unsigned)atoi(at) == 10000 + seen, "%.8s, not %u, of %s", at, 10000 + seen,
                    target);
            seen++;
        }
        const char *next = strstr(answer.body, "\"next\": \"");
        more = next != NULL;
        if (more)
            snprintf(after, sizeof(after), "%.*s", (int)strcspn(next + 9, "\""), next + 9);
        answer_free(&answer);
    }
    EXPECT_INT(seen, CHANNELS);
    EXPECT(pages >= CHANNELS / 120, "%u pages", pages);
    client_close(&client);
}

/* More at once than the workers are asked at a time: the others wait for their turn. */
static void expect_crowd(void)
{
    enum { CROWD = 100 };
    static struct client clients[CROWD];
    struct answer answer;
    for (unsigned i = 0; i < CROWD; i++) {
        clients[i] = open_admin();
        client_say(&clients[i], i % 2 ? "GET /channels HTTP/1.1\r\nHost: x\r\n\r\n"
                                      : "GET /channels/10000 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (unsigned i = 0; i < CROWD; i++) {
        REQUIRE(client_answer(&clients[i], false, &answer), "no answer to %u", i);
        EXPECT(answer.status == 200, "%u: %d %s", i, answer.status, answer.body);
        answer_free(&answer);
    }
    /* And now they go without theirs. */
    for (unsigned i = 0; i < CROWD; i++) {
        client_say(&clients[i], "GET /channels HTTP/1.1\r\nHost: x\r\n\r\n");
        client_close(&clients[i]);
    }
    expect_said("GET", "/channels/10000", 200, "\"name\": \"10000\"");
    expect_said("GET", "/stats", 200, "\"questions_late\": 0");
}

/* Who asks while the server stops is answered, or told. */
static void expect_stopping(void)
{
    enum { CROWD = 40 };
    static struct client clients[CROWD];
    struct answer answer;
    for (unsigned i = 0; i < CROWD; i++) {
        clients[i] = open_admin();
        client_say(&clients[i], "GET /channels HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    server_terminate(&server);
    unsigned told = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        REQUIRE(client_answer(&clients[i], false, &answer), "no answer to %u", i);
        EXPECT(answer.status == 200 || answer.status == 503, "%u: %d %s", i, answer.status,
               answer.body);
        told += answer.status == 503;
        answer_free(&answer);
        client_close(&clients[i]);
    }
    printf("   %u of %u were told that it stops\n", told, CROWD);
    EXPECT_INT(server_wait(&server), 0);
}

/* One server for three. */
static void case_many(void)
{
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--acceptors", "2", "--admin", place));
    expect_pages();
    expect_crowd();
    expect_stopping();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    snprintf(place, sizeof(place), "unix:/tmp/fanfare-e2e-steering-%d", (int)getpid());
    check_case("channels", case_channels);
    check_case("close", case_close);
    check_case("close_makes_room", case_close_makes_room);
    check_case("kick", case_kick);
    check_case("many", case_many);
    return check_end();
}
