/* SPDX-License-Identifier: MIT */
/*
 * Parity: a login by QR code, as go-zero's users build it. A page waits on a channel of its own for
 * the one event that says that it is let in: one reader, a lifetime, nothing that could be read
 * again, and who asks for too much is bounded. docs/parity.md says what of it becomes what here.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/parity.h"
#include "tests/e2e/tokens.h"

#define EVENT_STREAM "Accept: text/event-stream\r\n"
#define APPLICATION  "Authorization: Bearer " PUBLISHER "\r\n"

static struct stream waiting; /* on a channel without a rule, for a heartbeat */

/* Its stream has no id before the event, so that whoever comes back with one has had it. */
static void open_page(struct stream *page, const char *target)
{
    stream_open(page, &parity, target, EVENT_STREAM);
    stream_await_head(page);
}

static void begin(void)
{
    files_make();
    parity_start(SERVER_OPTIONS("--publish-token-file", tokens_path, "--charset", "--heartbeat",
                                "1", "--subscribers-per-address", "3", "--channel",
                                "qr/brief/* once subscribers-max=1 lifetime=0.2", "--channel",
                                "qr/* once subscribers-max=1 lifetime=120"));
    parity_open(&waiting, "/events/other", NULL);
}

/* As soon as the place is free that somebody has just left. */
static int ask_in_turn(const char *target, const char *fields)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    for (;;) {
        int status = parity_ask("GET", target, fields, "");
        bool refused = status == 429 || strstr(parity_head, "Fanfare-Refused: ");
        if (!refused || check_now_ms() > deadline)
            return status;
        poll(NULL, 0, 2);
    }
}

/* The page has its event and the end, and nobody has it again. */
static void expect_let_in_once(void)
{
    struct stream page;
    char fields[200];

    open_page(&page, "/events/qr/c0de");
    EXPECT_TEXT(stream_field(&page, "content-type"), "text/event-stream; charset=utf-8");
    EXPECT_INT(parity_ask("GET", "/events/qr/c0de", NULL, ""), 429); /* somebody else's */
    EXPECT_INT(parity_ask("GET", "/events/qr/c0de", EVENT_STREAM, ""), 200);
    EXPECT(strstr(parity_head, "Fanfare-Refused: channel"), "%s", parity_head);
    EXPECT_INT(parity_ask("POST", "/publish/qr/c0de", NULL, "a stranger's"), 401);
    parity_publish("/publish/qr/c0de?event=login", APPLICATION, "{\"user\": 42}");
    parity_expect(&page, "login", "{\"user\": 42}");
    stream_expect_end(&page);
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n" EVENT_STREAM, page.last_id);
    stream_close(&page);
    EXPECT_INT(ask_in_turn("/events/qr/c0de", fields), 204); /* which ends EventSource */
}

static void open_in_turn(struct stream *stream, const char *target)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    stream_open(stream, &parity, target, NULL);
    stream_await_head(stream);
    while (stream->status == 429 && check_now_ms() < deadline) {
        stream_close(stream);
        poll(NULL, 0, 2);
        stream_open(stream, &parity, target, NULL);
        stream_await_head(stream);
    }
    EXPECT_INT(stream->status, 200);
}

static void expect_nothing_again(void)
{
    static const char *const tries[] = {"last=99", "last-event-id=earliest", "last-event-id=0"};
    for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        char target[128];
        snprintf(target, sizeof(target), "/events/qr/c0de?wait=no&%s", tries[i]);
        int status = ask_in_turn(target, NULL);
        EXPECT(!strstr(parity_said, "42") && (status == 200 || status == 204), "%s: %d %s",
               tries[i], status, parity_said);
    }
    /* Nor what is published while nobody waits. */
    parity_publish("/publish/qr/nobody", APPLICATION, "unheard");
    EXPECT_INT(parity_ask("GET", "/events/qr/nobody?wait=no&last=9", NULL, ""), 200);
    EXPECT(!strstr(parity_said, "unheard"), "%s", parity_said);
}

static void case_one_reader_one_event(void)
{
    begin();
    expect_let_in_once();
    expect_nothing_again();
    stream_close(&waiting);
    parity_stop();
    files_remove();
}

/* A code that nobody confirms is over after its lifetime, and its page is told so, in order. */
static void case_lifetime_caps_and_heartbeats(void)
{
    struct stream page, more[2];

    begin();
    open_page(&page, "/events/qr/brief/1");
    stream_expect_end(&page);
    EXPECT_INT(parity_number("/stats", "closed_age"), 1);
    stream_close(&page);
    /* Three streams of an address, and the count of all. */
    open_in_turn(&more[0], "/events/qr/2");
    open_in_turn(&more[1], "/events/qr/3");
    long long before = parity_number("/stats", "subscribers_refused_address");
    EXPECT_INT(parity_ask("GET", "/events/qr/4", NULL, ""), 429);
    EXPECT_INT(parity_number("/stats", "subscribers"), 3);
    EXPECT_INT(parity_number("/stats", "subscribers_refused_address"), before + 1);
    /* Comment lines keep a connection open over proxies, and are no event. */
    while (waiting.comments == 0 && !waiting.closed) {
        struct pollfd ready = {.fd = waiting.fd, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "no heartbeat");
        stream_take(&waiting, 4096);
    }
    EXPECT(waiting.comments > 0 && waiting.seen == 0, "closed without a heartbeat");
    for (unsigned i = 0; i < 2; i++)
        stream_close(&more[i]);
    stream_close(&waiting);
    parity_stop();
    files_remove();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("one_reader_one_event", case_one_reader_one_event);
    check_case("lifetime_caps_and_heartbeats", case_lifetime_caps_and_heartbeats);
    return check_end();
}
