/* SPDX-License-Identifier: MIT */
/*
 * Tokens and time: streams that end in order when their token does, whatever they lack, and hold
 * nobody any more; keys that rotate while streams go on, and bad files that change nothing; clients
 * whose token is renewed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"
#include "tests/e2e/tokens.h"

static struct server server;

/* --- streams that end ------------------------------------------------------------------------ */

#define LARGE_BYTES 16384u

static char publisher_fields[128] = "Authorization: Bearer " PUBLISHER "\r\n";

/* Publishes numbered events until one has to wait for room: its number. */
static unsigned publish_until_held(struct client *client)
{
    static char text[LARGE_BYTES + 1], request[LARGE_BYTES + 512];
    struct answer answer;
    memset(text, '.', LARGE_BYTES);
    for (unsigned number = 0;; number++) {
        char digits[16];
        REQUIRE(number < 20000, "nobody holds the channel");
        memcpy(text, digits, (size_t)snprintf(digits, sizeof(digits), "%u ", number));
        int len = snprintf(request, sizeof(request),
                           "POST /publish/news/held HTTP/1.1\r\nHost: t\r\n%sContent-Length: "
                           "%u\r\n\r\n%s",
                           publisher_fields, LARGE_BYTES, text);
        REQUIRE(client_send(client, request, (size_t)len), "closed");
        struct pollfd ready = {.fd = client->fd, .events = POLLIN};
        while (poll(&ready, 1, 20) == 0)
            if (server_stat(&server, "publishes_waiting") > 0)
                return number;
        REQUIRE(client_answer(client, false, &answer), "no answer");
        REQUIRE(answer.status == 200, "event %u: %d %s", number, answer.status, answer.body);
        answer_free(&answer);
    }
}

/* The channel has to be held before; that takes a quarter of a second. */
#define LIFE_S (CHECK_SANITIZED ? 10 : 3)

static void case_ends(void)
{
    struct stream current, several, blocked, stays;
    struct stream_event event;
    struct client client;
    struct answer answer;
    char target[9000], fields[9000];
    unsigned seen = 0;

    files_make();
    /* Nobody is slow, so that the blocked one holds the channel until its token ends. */
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path,
                                         "--publish-token-file", tokens_path, "--slow-after", "60",
                                         "--history-events", "20", "--publish-wait", "20", "--log",
                                         log_path));
    client_open(&client, &server);
    snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", token_until(600, SECRET));
    stream_open(&stays, &server, "/events/news/calm", fields);
    snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", token_until(LIFE_S, SECRET));
    stream_open(&current, &server, "/events/news/calm?last=5", fields);
    stream_open(&several, &server, "/events?channel=news/calm&channel=news/b", fields);
    snprintf(target, sizeof(target), "/events/news/held?access_token=%s",
             token_until(LIFE_S, SECRET));
    stream_open_small(&blocked, &server, target, 16384);
    stream_await_id(&current);
    stream_await_id(&several);
    stream_await_id(&stays);
    unsigned held = publish_until_held(&client);
    EXPECT_INT(server_stat(&server, "channels_held"), 1);
    /* The end of its token lets the publisher go on, although it reads nothing. */
    REQUIRE(client_answer(&client, false, &answer), "no answer");
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    server_await(&server, "channels_held", false, 0);
    stream_expect_end(&current);
    stream_expect_end(&several);
    EXPECT(current.retry >= 2000, "retry %ld", current.retry);
    /* And it gets what it has begun, and its end. */
    while (stream_next(&blocked, &event)) {
        EXPECT((unsigned)atoi(event.data) == seen, "event %.10s instead of %u", event.data, seen);
        seen++;
        event_free(&event);
    }
    printf("   the blocked one has %u events of %u\n", seen, held);
    EXPECT(blocked.ended && !blocked.reset, "no last chunk");
    EXPECT(seen <= held, "%u events, the last of them after its end", seen);
    server_await(&server, "closed_token_expired", true, 3);
    EXPECT_INT(server_stat(&server, "closed_token_expired"), 3);
    EXPECT_INT(server_stat(&server, "subscribers"), 1);
    /* Who comes back with another token goes on where it was. */
    client_request(&client, "POST", "/publish/news/calm", publisher_fields, "meanwhile", 9,
                   &answer);
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    stream_expect(&stays, "message", "meanwhile", NULL);
    snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\nLast-Event-ID: %s\r\n",
             token_until(600, SECRET), current.last_id);
    stream_close(&current);
    stream_open(&current, &server, "/events/news/calm", fields);
    stream_await_head(&current);
    EXPECT_TEXT(stream_field(&current, "Fanfare-Resume"), "complete");
    stream_expect(&current, "message", "meanwhile", NULL);
    stream_close(&current);
    stream_close(&several);
    stream_close(&blocked);
    stream_close(&stays);
    client_close(&client);
    server_stop(&server);
    files_remove();
}

/* A token that was good when its request began, and is not when the last byte of the body comes. */
static void case_slow_body(void)
{
    struct client client;
    struct answer answer;
    char token[8192], request[9000];

    files_make();
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path, "--log", log_path));
    snprintf(token, sizeof(token), "%s", token_until(LIFE_S, SECRET));
    snprintf(request, sizeof(request),
             "POST /publish/news/a HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %s\r\n"
             "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n",
             token);
    client_open(&client, &server);
    client_say(&client, request);
    REQUIRE(client_read(&client) && strncmp(client.bytes, "HTTP/1.1 100 ", 13) == 0, "%s",
            client.bytes);
    client_say(&client, "lat");
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    while (ask(&server, "HEAD", "/events/news/a", HEADER, token, NULL, NULL) == 200)
        REQUIRE(check_now_ms() < deadline, "the token does not end");
    client_say(&client, "e");
    REQUIRE(client_answer(&client, false, &answer), "closed without an answer");
    EXPECT_INT(answer.status, 401);
    EXPECT(strstr(answer.body, "has ended"), "%s", answer.body);
    answer_free(&answer);
    client_close(&client);
    EXPECT_INT(server_stat(&server, "published"), 0);
    server_stop(&server);
    files_remove();
}

/* --- keys that rotate ------------------------------------------------------------------------ */

static void reload(const char *words)
{
    unlink(log_path); /* which SIGHUP opens again */
    REQUIRE(kill(server.pid, SIGHUP) == 0, "kill: %s", strerror(errno));
    log_await(words);
}

static void case_reload(void)
{
    struct stream stream;
    char old[8192], new[8192], fields[9000];

    files_make();
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path,
                                         "--publish-token-file", tokens_path, "--log", log_path));
    snprintf(old, sizeof(old), "%s", token_until(600, SECRET));
    snprintf(new, sizeof(new), "%s", token_until(600, NEW_SECRET));
    snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", old);
    stream_open(&stream, &server, "/events/news/a", fields);
    stream_await_head(&stream);
    EXPECT_ROWS({"GET", "/events/news/a", HEADER, old, NULL, 200},
                {"GET", "/events/news/a", HEADER, new, NULL, 401});
    /* A bad file changes nothing. */
    file_write(key_path, "short\n");
    reload("every option stays as it was");
    EXPECT(log_has("jwt-key-file"), "it does not say which");
    EXPECT(!log_has("short\n") && !log_has("\"short"), "the secret is in the log");
    unlink(tokens_path);
    file_write(key_path, NEW_SECRET "\n");
    reload("publish-token-file");
    EXPECT_ROWS({"GET", "/events/news/a", HEADER, old, NULL, 200},
                {"POST", "/publish/news/a", HEADER, PUBLISHER, "x", 200});
    stream_expect(&stream, "message", "x", NULL);
    file_write(tokens_path, "another-token\n");
    reload("read again");
    EXPECT_ROWS({"GET", "/events/news/a", HEADER, old, NULL, 401},
                {"GET", "/events/news/a", HEADER, new, NULL, 200},
                {"POST", "/publish/news/a", HEADER, PUBLISHER, "x", 401},
                {"POST", "/publish/news/a", HEADER, "another-token", "y", 200});
    /* The stream was granted before. */
    stream_expect(&stream, "message", "y", NULL);
    stream_close(&stream);
    server_stop(&server);
    files_remove();
}

/* --- the clients ----------------------------------------------------------------------------- */

static void await_lines(int fd, char *text, size_t size, unsigned lines)
{
    size_t len = 0;
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    for (unsigned count = 0; count < lines;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - check_now_ms();
        REQUIRE(left > 0 && poll(&ready, 1, (int)left) > 0, "%u lines of %u", count, lines);
        ssize_t got = read(fd, text + len, size - 1 - len);
        REQUIRE(got > 0, "it ended: %s", text);
        for (ssize_t i = 0; i < got; i++)
            count += text[len + (size_t)i] == '\n';
        len += (size_t)got;
        text[len] = '\0';
    }
}

static void case_clients(void)
{
    struct outcome outcome;
    char url[64], line[8192], text[4096] = "";
    int out;

    files_make();
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path,
                                         "--publish-token-file", tokens_path, "--log", log_path,
                                         "--retry", "100"));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    const char *const pub[] = {"pub",      "--url",  url,     "--token-file",
                               token_path, "news/a", "hello", NULL};
    const char *const sub[] = {"sub",      "--raw",  "--url", url,      "--token-file",
                               token_path, "--last", "10",    "news/a", NULL};
    program_run(pub, NULL, &outcome);
    EXPECT(outcome.status == 1 && strstr(outcome.err, token_path), "%d %s", outcome.status,
           outcome.err);
    file_write(token_path, "wrong\n");
    program_run(pub, NULL, &outcome);
    EXPECT(outcome.status == 1 && strstr(outcome.err, "401"), "%d %s", outcome.status, outcome.err);
    program_run(sub, NULL, &outcome);
    EXPECT(outcome.status == 1 && strstr(outcome.err, "401"), "%d %s", outcome.status, outcome.err);
    file_write(token_path, "# the publisher's\n" PUBLISHER "\n");
    program_run(pub, NULL, &outcome);
    EXPECT(outcome.status == 0, "%s", outcome.err);
    /* A subscriber whose token ends goes on with the one that has taken its place. */
    snprintf(line, sizeof(line), "%s\n", token_until(LIFE_S, SECRET));
    file_write(token_path, line);
    pid_t pid = program_start(sub, &out);
    await_lines(out, text, sizeof(text), 1);
    EXPECT_TEXT(text, "hello\n");
    snprintf(line, sizeof(line), "%s\n", token_until(600, SECRET));
    file_write(token_path, line);
    server_await(&server, "closed_token_expired", true, 1);
    server_await(&server, "resumed", true, 1);
    EXPECT_INT(ask(&server, "POST", "/publish/news/a", HEADER, PUBLISHER, NULL, "again"), 200);
    await_lines(out, text, sizeof(text), 1);
    EXPECT_TEXT(text, "again\n");
    kill(pid, SIGTERM);
    EXPECT_INT(server_wait_only(&(struct server){.pid = pid, .out = out}), 0);
    server_stop(&server);
    files_remove();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("ends", case_ends);
    check_case("slow_body", case_slow_body);
    check_case("reload", case_reload);
    check_case("clients", case_clients);
    return check_end();
}
