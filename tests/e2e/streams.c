/* SPDX-License-Identifier: MIT */
/*
 * What a client may ask of its stream, byte by byte: where it begins, what it consists of, when it
 * ends, and in which ways it is asked for.
 */
#include <stdio.h>
#include <string.h>

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

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("nothing_but_events", case_nothing_but_events);
    check_case("preface_option", case_preface_option);
    return check_end();
}
