/* SPDX-License-Identifier: MIT */
/*
 * Memory gone at every allocation of every call: each says -ENOMEM, or does without; nothing has
 * happened then, nothing is lost, and the same call succeeds as soon as there is memory again.
 *
 * First in the caller's thread, allocation by allocation; then in any thread, for what an adopted
 * connection becomes on its worker. Under the address sanitizer nothing may be left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/library/engine.h"
#include "tests/library/gone.h"
#include "tests/library/socket.h"

enum { MOST = 10000 };

static struct fanfare *fanfare;

static void begin(void)
{
    static const char *const options[] = {"notes",
                                          "on",
                                          "subscribers-per-address",
                                          "1000",
                                          "channel",
                                          "news presence",
                                          "stream-header",
                                          "news X-Two: 2",
                                          NULL};
    fanfare = engine_silent(options);
    engine_start(fanfare, NULL);
}

/* Until it needs no more than it gets. How many allocations it makes is said. */
static void walk(const char *name, int (*call)(void), int result)
{
    for (unsigned n = 1; n < MOST; n++) {
        gone_begin(GONE_HERE, n);
        int r = call();
        bool hit = gone_end();
        EXPECT(r == result || (hit && r == -ENOMEM), "%s, allocation %u: %d", name, n, r);
        if (!hit) {
            printf("   %s: %u allocations\n", name, n - 1);
            return;
        }
    }
    EXPECT(false, "%s comes to no end", name);
}

/* --- calls ----------------------------------------------------------------------------------- */

static int life(void)
{
    struct fanfare *another = fanfare_new();
    int r = fanfare_set(another, "workers", "1");
    if (r == -EINVAL)
        r = -ENOMEM; /* there is none */
    if (r == 0)
        r = fanfare_set(another, "io", check_backend());
    if (r == 0)
        r = fanfare_set(another, "notes", "on");
    if (r == 0)
        r = fanfare_set(another, "listen", "127.0.0.1:0");
    if (r == 0)
        r = fanfare_start(another);
    fanfare_free(another);
    return r;
}

static int publish(void)
{
    return fanfare_publish(fanfare, "news", "type", "data", 4, 0, NULL);
}

static int publish_events(void)
{
    struct fanfare_event events[8];
    for (unsigned i = 0; i < 8; i++)
        events[i] = (struct fanfare_event){.size = sizeof(events[0]),
                                           .channel = "news",
                                           .channel_len = 4,
                                           .id = "own",
                                           .id_len = 3,
                                           .data = "data",
                                           .data_len = 4};
    return fanfare_publish_events(fanfare, events, 8, 0, NULL);
}

static int publish_text(void)
{
    static const char text[] = "channel: news\ndata: 1\n\nchannel: b\ndata: 2\n\n";
    return fanfare_publish_text(fanfare, text, FANFARE_NUL, 0, NULL, NULL);
}

static int waiter(void)
{
    struct fanfare_event event = {
        .size = sizeof(event), .channel = "news", .channel_len = 4, .data = "x", .data_len = 1};
    struct fanfare_waiter *made;
    int r = fanfare_waiter_new(fanfare, &made);
    if (r < 0)
        return r;
    r = fanfare_waiter_publish(made, &event, 1, NULL);
    fanfare_waiter_free(made);
    return r;
}

static struct fanfare_subscription many(void)
{
    static const char *const channels[] = {"a", "b", "news"};
    static const struct fanfare_event first[] = {
        {.size = sizeof(first[0]), .data = "1", .data_len = 1},
        {.size = sizeof(first[0]), .data = "2", .data_len = 1}};
    return (struct fanfare_subscription){.size = sizeof(struct fanfare_subscription),
                                         .channel = "news",
                                         .channel_len = 4,
                                         .channels = channels,
                                         .channel_count = 3,
                                         .resume = "nobodys",
                                         .resume_len = FANFARE_NUL,
                                         .head = "X-One: 1\r\n",
                                         .head_len = FANFARE_NUL,
                                         .first = first,
                                         .first_count = 2,
                                         .tag = 7};
}

static void expect_note(int kind, uint64_t subscriber)
{
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, kind);
    EXPECT_INT(note.subscriber, subscriber);
    EXPECT_INT(note.tag, 7);
}

static void expect_no_note(void)
{
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, 0), 0);
}

/* A connection that was not taken is as it was, and nobody is told of it. */
static int adopt(void)
{
    struct ends ends = socket_open(SOCKET_TCP);
    struct fanfare_subscription subscription = many();
    uint64_t subscriber = 0;
    int flags = fcntl(ends.ours, F_GETFL);
    int r = fanfare_adopt(fanfare, ends.ours, &subscription, &subscriber);
    if (r == 0) {
        close(ends.clients);
        expect_note(FANFARE_NOTE_JOINED, subscriber);
        expect_note(FANFARE_NOTE_LEFT, subscriber);
        return 0;
    }
    EXPECT_INT(fcntl(ends.ours, F_GETFL), flags);
    EXPECT_INT(send(ends.ours, "x", 1, MSG_NOSIGNAL), 1);
    expect_no_note();
    socket_close(&ends);
    return r;
}

static uint64_t there;

static int send_to(void)
{
    return fanfare_subscriber_send(fanfare, there, "type", "data", 4);
}

static int end(void)
{
    return fanfare_subscriber_end(fanfare, there, 0);
}

static int end_all(void)
{
    return fanfare_subscriber_end_all(fanfare, 0);
}

static int detach(void)
{
    struct ends ends = socket_open(SOCKET_PAIR);
    int r = fanfare_detach(ends.ours);
    if (r >= 0)
        close(r);
    socket_close(&ends);
    return r < 0 ? r : 0;
}

static int get(void)
{
    struct fanfare_channel channel = {.size = sizeof(channel)};
    return fanfare_channel_get(fanfare, "news", 4, &channel);
}

static int list(void)
{
    struct fanfare_list *found;
    int r = fanfare_channel_list(fanfare, NULL, &found);
    if (r == 0)
        fanfare_list_free(found);
    return r;
}

static int close_channel(void)
{
    return fanfare_channel_close(fanfare, "b", 1, 0);
}

static int metrics(void)
{
    int r = fanfare_metrics(fanfare, NULL, 0);
    return r > 0 ? 0 : r;
}

static int apply(void)
{
    int r = fanfare_set(fanfare, "heartbeat", "5");
    int applied = fanfare_apply(fanfare); /* which says once more what the other said */
    EXPECT(r == 0 || applied == r, "%d, then %d", r, applied);
    return applied;
}

/* --- in the caller's thread ------------------------------------------------------------------ */

static void of_calls(void)
{
    static const struct {
        const char *name;
        int (*call)(void);
    } calls[] = {
        {"life", life},
        {"publish", publish},
        {"publish_events", publish_events},
        {"publish_text", publish_text},
        {"waiter", waiter},
        {"adopt", adopt},
        {"subscriber_send", send_to},
        {"subscriber_end", end},
        {"subscriber_end_all", end_all},
        {"detach", detach},
        {"channel_get", get},
        {"channel_list", list},
        {"channel_close", close_channel},
        {"metrics", metrics},
        {"apply", apply},
    };
    struct ends ends = socket_open(SOCKET_PAIR);
    begin();
    struct fanfare_subscription subscription = many();
    REQUIRE(fanfare_adopt(fanfare, ends.ours, &subscription, &there) == 0, "adopt");
    expect_note(FANFARE_NOTE_JOINED, there);
    close(ends.clients);
    expect_note(FANFARE_NOTE_LEFT, there);
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        walk(calls[i].name, calls[i].call, 0);
    engine_end(fanfare);
}

/* --- in any thread --------------------------------------------------------------------------- */

/*
 * Whoever was taken over is told of in any case: it has joined, or was refused. Its client has its
 * stream, or an answer in place of it, or at least an end.
 */
static unsigned joined, refused, not_taken;

static bool adopt_anywhere(unsigned n)
{
    struct ends ends = socket_open(SOCKET_TCP);
    struct fanfare_subscription subscription = many();
    struct fanfare_note note = {.size = sizeof(note)};
    uint64_t subscriber = 0;
    gone_begin(GONE_ANYWHERE, n);
    int r = fanfare_adopt(fanfare, ends.ours, &subscription, &subscriber);
    if (r < 0) {
        EXPECT(gone_end() && r == -ENOMEM, "allocation %u: %d", n, r);
        not_taken++;
        socket_close(&ends);
        return true;
    }
    REQUIRE(fanfare_note_next(fanfare, &note, DEADLINE_MS) == 1, "nobody is told");
    bool hit = gone_end();
    EXPECT_INT(note.subscriber, subscriber);
    EXPECT_INT(note.tag, 7);
    if (note.kind == FANFARE_NOTE_LEFT) {
        EXPECT(hit && note.reason == FANFARE_LEFT_REFUSED, "%s", fanfare_reason_text(note.reason));
        refused++;
        close(ends.clients);
        return true;
    }
    EXPECT_INT(note.kind, FANFARE_NOTE_JOINED);
    joined++;
    char status[12];
    EXPECT_INT(recv(ends.clients, status, sizeof(status), MSG_WAITALL), sizeof(status));
    EXPECT(memcmp(status, "HTTP/1.1 200", sizeof(status)) == 0, "it has its stream");
    close(ends.clients);
    expect_note(FANFARE_NOTE_LEFT, subscriber);
    return hit;
}

static void of_threads(void)
{
    begin();
    bool hit = true;
    for (unsigned n = 1; hit && n < MOST; n++)
        hit = adopt_anywhere(n);
    EXPECT(!hit, "it comes to no end");
    EXPECT(joined > 0 && refused > 0 && not_taken > 0, "%u joined, %u refused, %u not taken",
           joined, refused, not_taken);
    printf("   %u joined, %u refused, %u not taken\n", joined, refused, not_taken);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("of_calls", of_calls);
    check_case("of_threads", of_threads);
    return check_end();
}
