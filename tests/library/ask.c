/* SPDX-License-Identifier: MIT */
/*
 * The option `ask`: requests as notes, for programs that nobody may call. One thread fetches them
 * and answers; the hook has what is not asked about.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/stream.h"
#include "tests/library/hooked.h"

static int on_request(struct fanfare_request *request, void *user)
{
    (void)user;
    hooked_say(request, "from the hook");
    return 1;
}

/* The request of the next note, which the descriptor has told. */
static struct fanfare_request *next(struct fanfare *fanfare)
{
    struct fanfare_note note = {.size = sizeof(note)};
    struct pollfd ready = {.fd = fanfare_note_fd(fanfare), .events = POLLIN};
    REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "no note");
    EXPECT_INT(fanfare_note_next(fanfare, &note, 0), 1);
    EXPECT_INT(note.kind, FANFARE_NOTE_REQUEST);
    REQUIRE(note.request != NULL, "no request");
    return note.request;
}

static void asks(void)
{
    struct server server;
    struct client client;
    struct stream stream;
    static const char *const options[] = {"ask", "subscribe, other", "routes", "subscribe publish",
                                          NULL};
    struct fanfare *fanfare = hooked_engine(&server, on_request, options);
    client_open(&client, &server);
    hooked_expect(&client, "POST", "/publish/a", NULL, "x", 200, "from the hook");
    client_say(&client, "GET /mine HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fanfare_request *request = next(fanfare);
    hooked_expect_text(request, "path", "/mine");
    EXPECT_INT(fanfare_request_kind(request), FANFARE_REQUEST_OTHER);
    EXPECT_INT(hooked_say(request, "from the thread"), 0);
    hooked_expect_answer(&client, 200, "from the thread");
    stream_open(&stream, &server, "/events/a", NULL);
    request = next(fanfare);
    hooked_expect_text(request, "channels", "a");
    EXPECT_INT(fanfare_request_accept(request, NULL, NULL), 0);
    EXPECT_INT(fanfare_publish(fanfare, "a", NULL, "event", 5, 1000, NULL), 0);
    stream_expect(&stream, "message", "event", NULL);
    stream_close(&stream);
    client_close(&client);
    engine_end(fanfare);
}

/* Whom the program lets in comes back in the notes of who joins and leaves, with its tag. */
static void tells(void)
{
    struct server server;
    struct stream stream;
    static const char *const options[] = {"ask", "other", "notes", "on", NULL};
    struct fanfare_note note = {.size = sizeof(note)};
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "a", .channel_len = 1, .tag = 9};
    uint64_t subscriber = 0;
    struct fanfare *fanfare = hooked_engine(&server, NULL, options);
    stream_open(&stream, &server, "/mine", NULL);
    EXPECT_INT(fanfare_request_accept(next(fanfare), &subscription, &subscriber), 0);
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, FANFARE_NOTE_JOINED);
    EXPECT_INT(note.subscriber, subscriber);
    EXPECT_INT(note.tag, 9);
    stream_await_head(&stream);
    stream_close(&stream);
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, FANFARE_NOTE_LEFT);
    EXPECT_INT(note.subscriber, subscriber);
    EXPECT_INT(note.tag, 9);
    engine_end(fanfare);
}

/* What nobody has fetched in time is nobody's. */
static void is_late(void)
{
    struct server server;
    struct client client;
    static const char *const options[] = {"ask", "other", "decide-timeout", "0.01", NULL};
    struct fanfare_note note = {.size = sizeof(note)};
    struct fanfare *fanfare = hooked_engine(&server, NULL, options);
    client_open(&client, &server);
    hooked_expect(&client, "GET", "/mine", NULL, NULL, 503, "did not answer in time");
    client_close(&client);
    EXPECT_INT(fanfare_note_next(fanfare, &note, 0), 0);
    engine_end(fanfare);
}

static void stops(void)
{
    struct server server;
    struct client client;
    static const char *const options[] = {"ask", "other", NULL};
    struct fanfare_note note = {.size = sizeof(note)};
    struct fanfare *fanfare = hooked_engine(&server, NULL, options);
    client_open(&client, &server);
    client_say(&client, "GET /one HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fanfare_request *request = next(fanfare);
    struct client other;
    client_open(&other, &server);
    client_say(&other, "GET /two HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_INT(fanfare_stop(fanfare), 0);
    hooked_expect_answer(&client, 503, "stopping");
    hooked_expect_answer(&other, 503, "stopping");
    EXPECT_INT(hooked_say(request, "too late"), -ESHUTDOWN);
    EXPECT_INT(fanfare_note_next(fanfare, &note, 0), 1);
    EXPECT_INT(note.kind, FANFARE_NOTE_STOPPED);
    client_close(&other);
    client_close(&client);
    fanfare_free(fanfare);
}

static void is_checked(void)
{
    struct fanfare *fanfare = engine_silent(NULL);
    EXPECT_INT(fanfare_set(fanfare, "ask", "subscribe everything"), 0);
    EXPECT_INT(fanfare_start(fanfare), FANFARE_ERROR_VALUE);
    EXPECT(strstr(fanfare_error(fanfare), "ask: \"everything\" is no kind of request"), "%s",
           fanfare_error(fanfare));
    EXPECT_INT(fanfare_set(fanfare, "ask", "other other"), 0);
    EXPECT_INT(fanfare_start(fanfare), FANFARE_ERROR_VALUE);
    EXPECT_INT(fanfare_set(fanfare, "ask", NULL), 0);
    EXPECT_INT(fanfare_start(fanfare), 0);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("asks", asks);
    check_case("tells", tells);
    check_case("is_late", is_late);
    check_case("stops", stops);
    check_case("is_checked", is_checked);
    return check_end();
}
