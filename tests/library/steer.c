/* SPDX-License-Identifier: MIT */
/*
 * Subscribers by their ids: an event for one alone, in its place, also right after it was adopted;
 * its end, in order or at once; the end of all; and ids of who has gone, or never was.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/stream.h"
#include "tests/library/engine.h"
#include "tests/library/socket.h"

static struct fanfare *fanfare;

static void begin(void)
{
    static const char *const on[] = {"notes", "on", "send-buffer", "4K", NULL};
    fanfare = engine_silent(on);
    engine_start(fanfare, NULL);
}

static uint64_t adopt(struct stream *ret_stream)
{
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "news", .channel_len = 4};
    struct ends ends = socket_open(SOCKET_PAIR);
    uint64_t subscriber;
    REQUIRE(fanfare_adopt(fanfare, ends.ours, &subscription, &subscriber) == 0, "adopt");
    stream_init(ret_stream, ends.clients, NULL, NULL);
    return subscriber;
}

static void publish(const char *data)
{
    EXPECT_INT(fanfare_publish(fanfare, "news", NULL, data, strlen(data), FANFARE_FOREVER, NULL),
               0);
}

static void send_to(uint64_t subscriber, const char *data)
{
    EXPECT_INT(fanfare_subscriber_send(fanfare, subscriber, "own", data, FANFARE_NUL), 0);
}

static struct fanfare_note next(int kind, uint64_t subscriber)
{
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, kind);
    EXPECT_INT(note.subscriber, subscriber);
    return note;
}

static uint64_t counted(const char *name)
{
    uint64_t value = 0;
    EXPECT_INT(fanfare_stat(fanfare, name, &value), 0);
    return value;
}

/* Waits until the worker has done what was asked for. */
static void await_counted(const char *name, uint64_t value)
{
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while (counted(name) != value && check_now_ms() < end_ms)
        ;
    EXPECT_INT(counted(name), value);
}

static void has_its_place(void)
{
    struct stream stream, other;
    char before[136], id[136];
    begin();
    uint64_t subscriber = adopt(&stream);
    send_to(subscriber, "first"); /* its worker may not have it yet */
    adopt(&other);
    await_counted("private_sent", 1);
    publish("1");
    send_to(subscriber, "a\nb");
    await_counted("private_sent", 2);
    publish("2");
    EXPECT_INT(fanfare_subscriber_send(fanfare, subscriber, NULL, "", 0), 0);
    await_counted("private_sent", 3);
    publish("3");
    stream_expect(&stream, "own", "first", NULL);
    stream_expect(&stream, "message", "1", before);
    stream_expect(&stream, "own", "a\nb", id);
    EXPECT_TEXT(id, before); /* it has none of its own */
    stream_expect(&stream, "message", "2", NULL);
    stream_expect(&stream, "message", "", NULL);
    stream_expect(&stream, "message", "3", NULL);
    stream_expect(&other, "message", "1", NULL);
    stream_expect(&other, "message", "2", NULL);
    stream_expect(&other, "message", "3", NULL);
    stream_close(&stream);
    stream_close(&other);
    engine_end(fanfare);
}

static void in_order_and_at_once(void)
{
    struct stream stream;
    begin();
    uint64_t subscriber = adopt(&stream);
    next(FANFARE_NOTE_JOINED, subscriber);
    publish("1");
    send_to(subscriber, "2");
    EXPECT_INT(fanfare_subscriber_end(fanfare, subscriber, 0), 0);
    EXPECT_INT(fanfare_subscriber_end(fanfare, subscriber, 0), 0);
    stream_expect(&stream, "message", "1", NULL);
    stream_expect(&stream, "own", "2", NULL);
    stream_expect_end(&stream);
    EXPECT(stream.retry > 0, "it is told when to come back");
    stream_close(&stream);
    EXPECT_INT(next(FANFARE_NOTE_LEFT, subscriber).reason, FANFARE_LEFT_ENDED);
    /* Gone: there is nothing to do, which is no error, and is counted. */
    EXPECT_INT(fanfare_subscriber_end(fanfare, subscriber, FANFARE_AT_ONCE), 0);
    send_to(subscriber, "3");
    await_counted("private_dropped", 1);
    /* At once, right after it was adopted. */
    subscriber = adopt(&stream);
    EXPECT_INT(fanfare_subscriber_end(fanfare, subscriber, FANFARE_AT_ONCE), 0);
    next(FANFARE_NOTE_JOINED, subscriber);
    EXPECT_INT(next(FANFARE_NOTE_LEFT, subscriber).reason, FANFARE_LEFT_CUT);
    while (stream_take(&stream, 65536))
        ;
    EXPECT(!stream.ended, "no last chunk");
    stream_close(&stream);
    engine_end(fanfare);
}

static void all_of_them(void)
{
    enum { EACH = 20 };
    struct stream streams[EACH], late;
    for (unsigned flags = 0; flags <= FANFARE_AT_ONCE; flags++) {
        begin();
        for (unsigned i = 0; i < EACH; i++)
            adopt(&streams[i]);
        publish("1");
        EXPECT_INT(fanfare_subscriber_end_all(fanfare, flags), 0);
        uint64_t stays = adopt(&late);
        unsigned ended = 0;
        while (ended < EACH) {
            struct fanfare_note note = {.size = sizeof(note)};
            REQUIRE(fanfare_note_next(fanfare, &note, DEADLINE_MS) == 1, "%u of them", ended);
            if (note.kind != FANFARE_NOTE_LEFT)
                continue;
            EXPECT(note.subscriber != stays, "who came later stays");
            EXPECT_INT(note.reason, flags ? FANFARE_LEFT_CUT : FANFARE_LEFT_ENDED);
            ended++;
        }
        publish("2");
        stream_expect(&late, "message", "2", NULL);
        for (unsigned i = 0; i < EACH; i++) {
            if (!flags) {
                stream_expect(&streams[i], "message", "1", NULL);
                stream_expect_end(&streams[i]);
            }
            stream_close(&streams[i]);
        }
        stream_close(&late);
        engine_end(fanfare);
    }
}

/* Who takes nothing of what is for it alone. */
static void gathers_too_many(void)
{
    static char data[100000];
    struct stream stream;
    begin();
    uint64_t subscriber = adopt(&stream);
    next(FANFARE_NOTE_JOINED, subscriber);
    memset(data, 'x', sizeof(data));
    for (unsigned i = 0; i < 10; i++)
        EXPECT_INT(fanfare_subscriber_send(fanfare, subscriber, NULL, data, sizeof(data)), 0);
    EXPECT_INT(next(FANFARE_NOTE_LEFT, subscriber).reason, FANFARE_LEFT_SLOW);
    stream_close(&stream);
    engine_end(fanfare);
}

static void nobodys(void)
{
    struct stream stream;
    begin();
    uint64_t subscriber = adopt(&stream);
    const uint64_t ids[] = {0, 1, 255, subscriber + 256, subscriber | 255, UINT64_MAX};
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        EXPECT_INT(fanfare_subscriber_send(fanfare, ids[i], NULL, "x", 1), -EINVAL);
        EXPECT_INT(fanfare_subscriber_end(fanfare, ids[i], 0), -EINVAL);
    }
    stream_close(&stream);
    engine_end(fanfare);
}

/* --- many threads ---------------------------------------------------------------------------- */

enum { THREADS = 3, STREAMS = 40, EVENTS = 50 };

static uint64_t subscribers[STREAMS];

/* Each sends its own numbers to all of them. */
static void *send_all(void *argument)
{
    unsigned thread = *(unsigned *)argument;
    char data[32];
    for (unsigned i = 0; i < EVENTS; i++)
        for (unsigned j = 0; j < STREAMS; j++) {
            int len = snprintf(data, sizeof(data), "%u %u", thread, i), r;
            while ((r = fanfare_subscriber_send(fanfare, subscribers[j], "own", data,
                                                (size_t)len)) == -EAGAIN)
                ;
            EXPECT(r == 0, "%d", r);
        }
    return NULL;
}

static void from_many_threads(void)
{
    static struct stream streams[STREAMS];
    pthread_t threads[THREADS];
    unsigned numbers[THREADS] = {0, 1, 2};
    begin();
    for (unsigned i = 0; i < STREAMS; i++)
        subscribers[i] = adopt(&streams[i]);
    for (unsigned i = 0; i < THREADS; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, send_all, &numbers[i]), "no thread");
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* Those who were not fast enough are closed, and told; all others have everything in order. */
    unsigned whole = 0;
    for (unsigned i = 0; i < STREAMS; i++) {
        unsigned seen[THREADS] = {0}, thread, number, count = 0;
        struct stream_event event;
        while (count < THREADS * EVENTS && stream_next(&streams[i], &event)) {
            REQUIRE(sscanf(event.data, "%u %u", &thread, &number) == 2 && thread < THREADS, "%s",
                    event.data);
            EXPECT(number == seen[thread], "%u of thread %u, after %u", number, thread,
                   seen[thread]);
            seen[thread] = number + 1;
            count++;
            event_free(&event);
        }
        whole += count == THREADS * EVENTS;
        stream_close(&streams[i]);
    }
    EXPECT_INT(whole + counted("closed_slow"), STREAMS);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("has_its_place", has_its_place);
    check_case("in_order_and_at_once", in_order_and_at_once);
    check_case("all_of_them", all_of_them);
    check_case("gathers_too_many", gathers_too_many);
    check_case("nobodys", nobodys);
    check_case("from_many_threads", from_many_threads);
    return check_end();
}
