/* SPDX-License-Identifier: MIT */
/*
 * Streams that the request hook decides about: accepted with channels, first events and limits of
 * the program's, or as they were asked for, at once or later, and many at once by many threads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/stream.h"
#include "tests/library/hooked.h"

static void greet(struct fanfare_request *request)
{
    struct fanfare_event first[2] = {
        {.size = sizeof(first[0]),
         .type = "greeting",
         .type_len = FANFARE_NUL,
         .data = "hello",
         .data_len = 5},
        {.size = sizeof(first[0]), .data = "and\nmore", .data_len = 8}};
    static const char *const channels[] = {"news", "user/2"};
    struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                .channel = "user/1",
                                                .channel_len = FANFARE_NUL,
                                                .channels = channels,
                                                .channel_count = 2,
                                                .head = "X-User: 1\r\n",
                                                .head_len = FANFARE_NUL,
                                                .first = first,
                                                .first_count = 2,
                                                .limit = 2};
    hooked_note(fanfare_request_accept(request, &subscription, &hooked.subscriber));
}

static void accept_bad(struct fanfare_request *request)
{
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "a\nb", .channel_len = 3};
    hooked_note(fanfare_request_accept(request, &subscription, NULL));
}

static int on_request(struct fanfare_request *request, void *user)
{
    (void)user;
    if (hooked_is(request, "/me"))
        return greet(request), 1;
    if (hooked_is(request, "/events/bad"))
        return accept_bad(request), 1;
    if (hooked_is(request, "/events/asked") || hooked_is(request, "/publish/asked") ||
        hooked_is(request, "/asked"))
        return hooked_note(fanfare_request_accept(request, NULL, NULL));
    if (hooked_is(request, "/another")) {
        int r = fanfare_request_accept(hooked_take(), NULL, NULL);
        fanfare_request_reply(request, 200, NULL, "", 0, NULL);
        return hooked_note(r);
    }
    if (hooked_is(request, "/keep") || hooked_is(request, "/events/kept") ||
        hooked_is(request, "/publish/kept"))
        return hooked_keep(request), 1;
    return 0;
}

/* A stream that was let through late has what was published since its request was complete. */
static void passes_streams(void)
{
    struct server server;
    struct client client, publisher;
    static const char *const options[] = {"routes", "subscribe publish", NULL};
    struct fanfare *fanfare = hooked_engine(&server, on_request, options);
    client_open(&client, &server);
    client_open(&publisher, &server);
    client_say(&client, "GET /events/kept HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fanfare_request *stream_request = hooked_take();
    client_say(&publisher, "POST /publish/kept HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n"
                           "between");
    struct fanfare_request *publish_request = hooked_take();
    EXPECT_INT(fanfare_request_kind(publish_request), FANFARE_REQUEST_PUBLISH);
    hooked_expect_text(publish_request, "body", "between");
    EXPECT_INT(fanfare_request_pass(publish_request), 0);
    hooked_expect_answer(&publisher, 200, "ids");
    EXPECT_INT(fanfare_request_pass(stream_request), 0);
    while (!client.len || !memmem(client.bytes, client.len, "data: between", 13))
        REQUIRE(client_read(&client), "it has ended");
    client_close(&client);
    client_close(&publisher);
    engine_end(fanfare);
}

static void publish_one(struct fanfare *fanfare, const char *channel, const char *data)
{
    EXPECT_INT(fanfare_publish(fanfare, channel, NULL, data, strlen(data), 1000, NULL), 0);
}

static void expect_next(struct stream *stream, const char *type, const char *data)
{
    char id[136];
    stream_expect(stream, type, data, id);
}

static void accepts(void)
{
    struct server server;
    struct stream stream;
    struct fanfare *fanfare = hooked_engine(&server, on_request, NULL);
    hooked.subscriber = 0;
    stream_open(&stream, &server, "/me", NULL);
    stream_await_head(&stream);
    EXPECT_INT(stream.status, 200);
    EXPECT_TEXT(stream_field(&stream, "X-User"), "1");
    publish_one(fanfare, "other", "not for it");
    publish_one(fanfare, "user/2", "one");
    publish_one(fanfare, "user/1", "two");
    expect_next(&stream, "greeting", "hello");
    expect_next(&stream, "message", "and\nmore");
    expect_next(&stream, "message", "one");
    expect_next(&stream, "message", "two");
    stream_expect_end(&stream); /* of two events */
    stream_close(&stream);
    struct client client;
    client_open(&client, &server);
    EXPECT_INT(hooked_noted(&client), 0);
    EXPECT(hooked.subscriber > 0 && hooked.subscriber < 1ull << 53, "%llu",
           (unsigned long long)hooked.subscriber);
    hooked_expect(&client, "GET", "/events/bad", NULL, NULL, 500, "cannot be sent");
    EXPECT_INT(hooked_noted(&client), FANFARE_ERROR_CHANNEL_TEXT);
    hooked_expect(&client, "GET", "/asked", NULL, NULL, 500, "cannot be sent");
    EXPECT_INT(hooked_noted(&client), FANFARE_ERROR_CHANNELS);
    struct answer answer;
    client_say(&client, "HEAD /me HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(client_answer(&client, true, &answer), "no answer");
    EXPECT_INT(answer.status, 200);
    EXPECT_TEXT(answer_field(&answer, "Content-Type"), "text/event-stream");
    answer_free(&answer);
    EXPECT_INT(hooked_noted(&client), 0);
    client_close(&client);
    engine_end(fanfare);
}

/* As it was asked for, by the URL or by a body. */
static void accepts_what_is_asked(void)
{
    struct server server;
    struct client client;
    struct stream stream;
    static const char *const options[] = {"routes", "subscribe publish health", NULL};
    struct fanfare *fanfare = hooked_engine(&server, on_request, options);
    publish_one(fanfare, "asked", "before");
    stream_open(&stream, &server, "/events/asked?last=1&limit=1", NULL);
    expect_next(&stream, "message", "before");
    stream_expect_end(&stream);
    stream_close(&stream);
    client_open(&client, &server);
    client_say(&client, "POST /events/asked HTTP/1.1\r\nHost: x\r\nContent-Type: "
                        "application/json\r\nContent-Length: 35\r\n\r\n"
                        "{\"channels\": [\"third\"], \"limit\": 1}");
    while (!client.len || !memmem(client.bytes, client.len, "text/event-stream", 17))
        REQUIRE(client_read(&client), "it has ended");
    publish_one(fanfare, "third", "by the body");
    while (!memmem(client.bytes, client.len, "data: by the body", 17))
        REQUIRE(client_read(&client), "it has ended");
    client_close(&client);
    client_open(&client, &server);
    hooked_expect(&client, "POST", "/publish/asked", NULL, "x", 500, "cannot be sent");
    EXPECT_INT(hooked_noted(&client), -EINVAL);
    client_close(&client);
    engine_end(fanfare);
}

/* What was published while the program decided is owed. */
static void accepts_later(void)
{
    struct server server;
    struct client client, other;
    struct stream stream;
    struct fanfare *fanfare = hooked_engine(&server, on_request, NULL);
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "late", .channel_len = 4, .tag = 7};
    uint64_t subscriber = 0;
    publish_one(fanfare, "late", "before");
    stream_open(&stream, &server, "/keep", NULL);
    struct fanfare_request *request = hooked_take();
    publish_one(fanfare, "late", "between");
    EXPECT_INT(fanfare_request_accept(request, &subscription, &subscriber), 0);
    EXPECT(subscriber > 0, "no id");
    publish_one(fanfare, "late", "after");
    expect_next(&stream, "message", "between");
    expect_next(&stream, "message", "after");
    /* In a hook nobody may wait for another request. */
    client_open(&client, &server);
    client_open(&other, &server);
    client_say(&other, "GET /events/kept HTTP/1.1\r\nHost: x\r\n\r\n");
    request = hooked_take();
    hooked_keep(request);
    hooked_expect(&client, "GET", "/another", NULL, NULL, 200, "");
    EXPECT_INT(hooked_noted(&client), -EDEADLK);
    EXPECT_INT(hooked_say(request, "later"), 0);
    hooked_expect_answer(&other, 200, "later");
    client_close(&other);
    client_close(&client);
    stream_close(&stream);
    engine_end(fanfare);
}

/* --- many ----------------------------------------------------------------------------------- */

enum { THREADS = 4 };

static void *answer_many(void *count)
{
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "many", .channel_len = 4, .limit = 1};
    for (unsigned i = 0; i < *(unsigned *)count; i++) {
        struct fanfare_request *request = hooked_take();
        int r = i % 2 ? hooked_say(request, "many")
                      : fanfare_request_accept(request, &subscription, NULL);
        EXPECT_INT(r, 0);
    }
    return NULL;
}

/* As many as there may be connections are held at once, and answered by several threads. */
static void holds_many(void)
{
    struct server server;
    unsigned each = check_scaled(500), count = each * THREADS;
    char most[16];
    snprintf(most, sizeof(most), "%u", count);
    const char *const options[] = {"connections-max", most, "decide-timeout", "60", NULL};
    struct fanfare *fanfare = hooked_engine(&server, on_request, options);
    struct client late, *clients = calloc(count, sizeof(*clients));
    for (unsigned i = 0; i < count; i++) {
        client_open(&clients[i], &server);
        client_say(&clients[i], "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    hooked_await(count);
    client_open(&late, &server);
    hooked_expect(&late, "GET", "/keep", NULL, NULL, 503, "as many connections as it may");
    client_close(&late);
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, answer_many, &each);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    publish_one(fanfare, "many", "for half of them");
    for (unsigned i = 0; i < count; i++) {
        while (!clients[i].len || (!memmem(clients[i].bytes, clients[i].len, "many", 4) &&
                                   !memmem(clients[i].bytes, clients[i].len, "half", 4)))
            REQUIRE(client_read(&clients[i]), "%u has ended", i);
        client_close(&clients[i]);
    }
    free(clients);
    engine_end(fanfare);
}

/* Answers of all kinds, while times run out and clients leave. */
static void *answer_any(void *count)
{
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "many", .channel_len = 4, .limit = 1};
    for (unsigned i = 0; i < *(unsigned *)count; i++) {
        struct fanfare_request *request = hooked_take();
        EXPECT(hooked_is(request, "/keep"), "another path");
        int r = i % 3 == 0   ? hooked_say(request, fanfare_request_text(request, "path", NULL))
                : i % 3 == 1 ? fanfare_request_accept(request, &subscription, NULL)
                             : fanfare_request_pass(request);
        EXPECT(r == 0 || r == -ETIMEDOUT || r == -EPIPE, "%d", r);
        hooked.result |= r == 0 ? 1 : r == -ETIMEDOUT ? 2 : 4;
    }
    return NULL;
}

static void races(void)
{
    struct server server;
    unsigned each = check_scaled(200), count = each * THREADS;
    static const char *const options[] = {"decide-timeout", "0.01", NULL};
    struct fanfare *fanfare = hooked_engine(&server, on_request, options);
    struct client *clients = calloc(count, sizeof(*clients));
    pthread_t threads[THREADS];
    hooked.result = 0;
    for (unsigned i = 0; i < count; i++) {
        client_open(&clients[i], &server);
        client_say(&clients[i], "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
        if (i == count / 4) { /* those so far are late */
            hooked_expect_answer(&clients[i], 503, "did not answer in time");
            client_close(&clients[i]);
            for (unsigned j = 0; j < THREADS; j++)
                pthread_create(&threads[j], NULL, answer_any, &each);
        } else if (i % 5 == 4) {
            client_close(&clients[i]);
        }
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    EXPECT(hooked.result & 2, "nothing was late");
    for (unsigned i = 0; i < count; i++)
        if (i != count / 4 && i % 5 != 4) {
            REQUIRE(client_read(&clients[i]), "%u has no answer", i);
            client_close(&clients[i]);
        }
    free(clients);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("passes_streams", passes_streams);
    check_case("accepts", accepts);
    check_case("accepts_what_is_asked", accepts_what_is_asked);
    check_case("accepts_later", accepts_later);
    check_case("holds_many", holds_many);
    check_case("races", races);
    return check_end();
}
