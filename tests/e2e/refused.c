/* SPDX-License-Identifier: MIT */
/*
 * Streams that cannot be had now: who asks as an EventSource does is told when to come back, for
 * every reason, and has everything once it does; everybody else gets 503 and a sentence.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define ACCEPT "Accept: text/event-stream\r\n"

static struct server server;

static void ask(struct client *client, const char *target, const char *version, const char *fields)
{
    char request[20000];

    client_open(client, &server);
    int len = snprintf(request, sizeof(request), "GET %s HTTP/%s\r\nHost: t\r\n%s\r\n", target,
                       version, fields);
    REQUIRE(client_send(client, request, (size_t)len), "%s: closed", target);
}

/* The answer is the end of a stream for this reason, after a `retry:`, which is given. */
static long expect_put_off(struct client *client, const char *reason, const char *id)
{
    struct answer answer;
    char *rest;

    REQUIRE(client_answer(client, false, &answer), "closed without an answer");
    EXPECT(answer.status == 200, "%d %s", answer.status, answer.body);
    EXPECT_TEXT(answer_field(&answer, "fanfare-refused"), reason);
    EXPECT_TEXT(answer_field(&answer, "content-type"), "text/event-stream");
    EXPECT(!answer_field(&answer, "fanfare-resume"), "%s", answer.head);
    EXPECT(strncmp(answer.body, "retry: ", 7) == 0, "%s", answer.body);
    long retry_ms = strtol(answer.body + 7, &rest, 10);
    EXPECT(id ? strncmp(rest, "\nid: ", 5) == 0 && strncmp(rest + 5, id, strlen(id)) == 0
              : strcmp(rest, "\n\n") == 0,
           "%s", answer.body);
    EXPECT(client_ends(client) && !client->reset, "not closed in order");
    answer_free(&answer);
    client_close(client);
    return retry_ms;
}

static void expect_503(struct client *client)
{
    struct answer answer;

    REQUIRE(client_answer(client, false, &answer), "closed without an answer");
    EXPECT(answer.status == 503, "%d %s", answer.status, answer.body);
    EXPECT(answer_field(&answer, "retry-after"), "%s", answer.head);
    EXPECT(!answer_field(&answer, "fanfare-refused"), "%s", answer.head);
    answer_free(&answer);
    client_close(client);
}

static void case_full(void)
{
    struct stream first, second;
    struct client client, publisher;
    struct answer answer;
    char id[160], from_here[256];

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--subscribers-max", "1",
                                         "--allow-origin", "http://app.example"));
    stream_open(&first, &server, "/events/x", NULL);
    stream_await_head(&first);
    client_open(&publisher, &server);
    publish(&publisher, "x", "before", id);

    ask(&client, "/events/x", "1.1", ACCEPT);
    EXPECT(expect_put_off(&client, "full", id) >= 2000, "earlier than --retry says");
    snprintf(from_here, sizeof(from_here), "Last-Event-ID: %s\r\n", id);
    /* Who has a position, or wants the newest events, is given none. */
    ask(&client, "/events/x?last=5", "1.1", ACCEPT);
    expect_put_off(&client, "full", NULL);
    ask(&client, "/stream?last-event-id=a", "1.1", ACCEPT);
    expect_put_off(&client, "full", NULL);
    ask(&client, "/events/x", "1.1", ACCEPT "Last-Event-ID: a\r\n");
    expect_put_off(&client, "full", NULL);
    ask(&client, "/events/x", "1.1", "Accept: text/html, Text/Event-Stream;q=0.5\r\n");
    expect_put_off(&client, "full", id);
    /* Everybody else. */
    ask(&client, "/events/x", "1.1", "");
    expect_503(&client);
    ask(&client, "/events/x", "1.1", "Accept: */*\r\n");
    expect_503(&client);
    /* A page of another origin may see it. */
    ask(&client, "/events/x", "1.1", ACCEPT "Origin: http://app.example\r\n");
    REQUIRE(client_answer(&client, false, &answer), "closed without an answer");
    EXPECT_TEXT(answer_field(&answer, "access-control-allow-origin"), "http://app.example");
    EXPECT_TEXT(answer_field(&answer, "access-control-expose-headers"),
                "Fanfare-Resume, Fanfare-Refused, Fanfare-Subscriber");
    answer_free(&answer);
    client_close(&client);
    /* HTTP/1.0 without a block that is no event: one line. */
    ask(&client, "/events/x?preface=no", "1.0", ACCEPT);
    while (client_read(&client))
        continue;
    const char *body = memmem(client.bytes, client.len, "\r\n\r\nretry: ", 11);
    EXPECT(body && memchr(body + 4, '\n', 20) == client.bytes + client.len - 1, "%.*s",
           (int)client.len, client.bytes);
    client_close(&client);
    EXPECT_INT(server_stat(&server, "subscribers_put_off"), 7);
    EXPECT_INT(server_stat(&server, "subscribers_refused"), 9);

    /* And it comes back: everything since it was refused is there. */
    publish(&publisher, "x", "meanwhile", NULL);
    stream_close(&first);
    server_await(&server, "subscribers", false, 0);
    stream_open(&second, &server, "/events/x", from_here);
    stream_expect(&second, "message", "meanwhile", NULL);
    EXPECT_TEXT(stream_field(&second, "fanfare-resume"), "complete");
    stream_close(&second);
    client_close(&publisher);
    server_stop(&server);
}

/* Refused together: each of them has a slot of its own. */
static void case_slots(void)
{
    enum { CROWD = 300 };
    static struct client crowd[CROWD];
    struct stream first;
    long least = 1000000, most = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--acceptors", "1", "--subscribers-max",
                                         "1", "--retry", "5000"));
    stream_open(&first, &server, "/events/x", NULL);
    stream_await_head(&first);
    for (unsigned i = 0; i < CROWD; i++)
        ask(&crowd[i], "/events/x", "1.1", ACCEPT);
    for (unsigned i = 0; i < CROWD; i++) {
        long retry_ms = expect_put_off(&crowd[i], "full", "");
        least = retry_ms < least ? retry_ms : least;
        most = retry_ms > most ? retry_ms : most;
    }
    EXPECT(least == 5000 && most > least, "from %ld to %ld ms", least, most);
    printf("   %d refused together come back over %ld ms\n", CROWD, most - least);
    stream_close(&first);
    server_stop(&server);
}

static void case_by_503(void)
{
    struct stream first;
    struct client client;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--subscribers-max", "1", "--refuse", "503"));
    stream_open(&first, &server, "/events/x", NULL);
    stream_await_head(&first);
    ask(&client, "/events/x", "1.1", ACCEPT);
    expect_503(&client);
    EXPECT_INT(server_stat(&server, "subscribers_put_off"), 0);
    stream_close(&first);
    server_stop(&server);
}

/* All places are taken by requests that are not complete. */
static void case_connections(void)
{
    struct client taken, client;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--connections-max", "1"));
    client_open(&taken, &server);
    client_say(&taken, "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab");
    ask(&client, "/events/x", "1.1", ACCEPT);
    expect_put_off(&client, "full", "");
    ask(&client, "/events/x", "1.1", "");
    expect_503(&client);
    client_close(&taken);
    server_stop(&server);
}

/* Subscriptions to 64 channels each, until memory-max is reached. */
static void case_memory(void)
{
    enum { MOST = 2000 };
    static struct client clients[MOST];
    struct answer answer;
    char target[8000];
    unsigned count = 0;
    bool refused = false;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--memory-max", "1M"));
    while (!refused && count < MOST) {
        int len = snprintf(target, sizeof(target), "/events?");
        for (unsigned i = 0; i < 64; i++)
            len += snprintf(target + len, sizeof(target) - (size_t)len, "channel=%u-%u-%080u&",
                            count, i, 0);
        ask(&clients[count], target, "1.1", ACCEPT);
        REQUIRE(client_answer(&clients[count], true, &answer), "closed without an answer");
        EXPECT(answer.status == 200, "%d %s", answer.status, answer.head);
        const char *reason = answer_field(&answer, "fanfare-refused");
        refused = reason != NULL;
        if (reason)
            EXPECT_TEXT(reason, "memory");
        answer_free(&answer);
        count++;
    }
    EXPECT(refused, "%u streams and no end", count);
    printf("   the first of 64 channels that is refused in 1 MiB: number %u\n", count);
    for (unsigned i = 0; i < count; i++)
        client_close(&clients[i]);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("full", case_full);
    check_case("slots", case_slots);
    check_case("by_503", case_by_503);
    check_case("connections", case_connections);
    check_case("memory", case_memory);
    return check_end();
}
