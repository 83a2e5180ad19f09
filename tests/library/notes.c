/* SPDX-License-Identifier: MIT */
/*
 * Notes of an engine that runs: who comes over its listener and goes is told, in order, with why;
 * who does not fetch runs out of places, and no further; the last note is the last.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"
#include "tests/library/engine.h"

static const char *const on[] = {"notes", "on", NULL};

static struct fanfare_note next(struct fanfare *fanfare, int kind)
{
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, kind);
    return note;
}

static struct fanfare_note left(struct fanfare *fanfare, uint64_t subscriber, int reason)
{
    struct fanfare_note note = next(fanfare, FANFARE_NOTE_LEFT);
    EXPECT_INT(note.subscriber, subscriber);
    EXPECT(note.reason == reason, "%d: %s", note.reason, fanfare_reason_text(note.reason));
    return note;
}

/* There is one exactly when the descriptor says so. */
static void expect_none(struct fanfare *fanfare, int result)
{
    struct fanfare_note note = {.size = sizeof(note)};
    struct pollfd fd = {fanfare_note_fd(fanfare), POLLIN, 0};
    EXPECT_INT(poll(&fd, 1, 0), 0);
    EXPECT_INT(fanfare_note_next(fanfare, &note, 0), result);
}

static void expect_text(struct fanfare *fanfare, uint64_t subscriber, const char *item,
                        const char *expected)
{
    char text[64] = "";
    int r = fanfare_subscriber_text(fanfare, subscriber, item, text, sizeof(text));
    EXPECT_INT(r, expected ? (int)strlen(expected) : -ENOENT);
    EXPECT_TEXT(text, expected ? expected : "");
}

static void of_a_listener(void)
{
    struct server server;
    struct stream stream, other;
    struct fanfare *fanfare = engine_new(on);
    engine_start(fanfare, &server);
    expect_none(fanfare, 0);
    stream_open(&stream, &server, "/events?channel=a&channel=b%2Fc", NULL);
    stream_await_id(&stream);
    struct fanfare_note joined = next(fanfare, FANFARE_NOTE_JOINED);
    EXPECT(joined.subscriber > 0 && joined.subscriber < UINT64_C(1) << 53, "%llx",
           (unsigned long long)joined.subscriber);
    EXPECT_INT(joined.tag, 0);
    EXPECT_INT(joined.sequence, 0);
    EXPECT_INT(joined.size, sizeof(joined));
    EXPECT(!joined.request, "none");
    expect_none(fanfare, 0);
    expect_text(fanfare, joined.subscriber, "channels", "a\nb/c");
    expect_text(fanfare, joined.subscriber, "peer", "127.0.0.1");
    expect_text(fanfare, joined.subscriber, "resume", "none");
    expect_text(fanfare, joined.subscriber, "name", NULL);
    expect_text(fanfare, joined.subscriber + 256, "peer", NULL);
    stream_open(&other, &server, "/events/a", "Last-Event-ID: nobodys\r\n");
    uint64_t second = next(fanfare, FANFARE_NOTE_JOINED).subscriber;
    EXPECT(second != joined.subscriber, "each has its own");
    expect_text(fanfare, second, "resume", "gap");
    stream_close(&stream);
    left(fanfare, joined.subscriber, FANFARE_LEFT_GONE);
    expect_text(fanfare, joined.subscriber, "channels", "a\nb/c");
    expect_none(fanfare, 0);
    expect_text(fanfare, joined.subscriber, "channels", NULL);
    expect_text(fanfare, second, "channels", "a");
    stream_close(&other);
    engine_end(fanfare);
}

static void nobody_fetches(void)
{
    static const char *const two[] = {"notes", "on", "subscribers-max", "2", "refuse", "503", NULL};
    struct server server;
    struct stream streams[2], late;
    struct fanfare *fanfare = engine_new(two);
    engine_start(fanfare, &server);
    for (unsigned i = 0; i < 2; i++) {
        stream_open(&streams[i], &server, "/events/a", NULL);
        stream_await_id(&streams[i]);
        stream_close(&streams[i]);
    }
    /* Both are gone in the end, and their places are taken still. */
    struct pollfd fd = {fanfare_note_fd(fanfare), POLLIN, 0};
    EXPECT_INT(poll(&fd, 1, DEADLINE_MS), 1);
    stream_open(&late, &server, "/events/a", NULL);
    stream_await_head(&late);
    EXPECT_INT(late.status, 503);
    stream_close(&late);
    for (unsigned i = 0, gone = 0; gone < 2; i++) {
        struct fanfare_note note = {.size = sizeof(note)};
        REQUIRE(fanfare_note_next(fanfare, &note, DEADLINE_MS) == 1, "no %uth note", i);
        gone += note.kind == FANFARE_NOTE_LEFT;
    }
    expect_none(fanfare, 0);
    stream_open(&late, &server, "/events/a", NULL);
    stream_await_head(&late);
    EXPECT_INT(late.status, 200);
    next(fanfare, FANFARE_NOTE_JOINED);
    stream_close(&late);
    engine_end(fanfare);
}

static void the_last_one(void)
{
    struct server server;
    struct stream stream;
    struct fanfare *fanfare = engine_new(on);
    engine_start(fanfare, &server);
    stream_open(&stream, &server, "/events/a", NULL);
    stream_await_id(&stream);
    int fd = fanfare_note_fd(fanfare);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    EXPECT_INT(fanfare_note_fd(fanfare), fd);
    uint64_t subscriber = next(fanfare, FANFARE_NOTE_JOINED).subscriber;
    left(fanfare, subscriber, FANFARE_LEFT_DRAIN);
    next(fanfare, FANFARE_NOTE_STOPPED);
    expect_none(fanfare, -ESHUTDOWN);
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, FANFARE_FOREVER), -ESHUTDOWN);
    stream_expect_end(&stream);
    stream_close(&stream);
    fanfare_free(fanfare);
}

static uint64_t waiting(struct fanfare *fanfare)
{
    uint64_t value = 0;
    EXPECT_INT(fanfare_stat(fanfare, "notes_waiting", &value), 0);
    return value;
}

/* Of an engine that leaves by itself. */
static void of_a_drain(void)
{
    struct server server;
    struct stream stream;
    struct fanfare *fanfare = engine_new(on);
    engine_start(fanfare, &server);
    EXPECT_INT(waiting(fanfare), 0);
    stream_open(&stream, &server, "/events/a", NULL);
    stream_await_id(&stream);
    EXPECT_INT(waiting(fanfare), 1);
    EXPECT_INT(fanfare_drain(fanfare), 0);
    uint64_t subscriber = next(fanfare, FANFARE_NOTE_JOINED).subscriber;
    left(fanfare, subscriber, FANFARE_LEFT_DRAIN);
    next(fanfare, FANFARE_NOTE_STOPPED);
    expect_none(fanfare, -ESHUTDOWN);
    EXPECT_INT(waiting(fanfare), 0);
    stream_expect_end(&stream);
    stream_close(&stream);
    engine_end(fanfare);
}

/* A program that does what the header forbids loses a signal, and no more. */
static void who_reads_the_descriptor(void)
{
    struct server server;
    struct stream stream;
    uint64_t count = 0;
    struct fanfare *fanfare = engine_new(on);
    engine_start(fanfare, &server);
    stream_open(&stream, &server, "/events/a", NULL);
    stream_await_id(&stream);
    EXPECT_INT(read(fanfare_note_fd(fanfare), &count, sizeof(count)), sizeof(count));
    uint64_t subscriber = next(fanfare, FANFARE_NOTE_JOINED).subscriber;
    expect_none(fanfare, 0);
    stream_close(&stream);
    left(fanfare, subscriber, FANFARE_LEFT_GONE);
    expect_none(fanfare, 0);
    engine_end(fanfare);
}

/* Without the option nothing else is told. */
static void only_the_last_one(void)
{
    struct server server;
    struct stream stream;
    struct fanfare *fanfare = engine_new(NULL);
    engine_start(fanfare, &server);
    stream_open(&stream, &server, "/events/a", NULL);
    stream_await_id(&stream);
    expect_none(fanfare, 0);
    expect_text(fanfare, 256, "peer", NULL);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    next(fanfare, FANFARE_NOTE_STOPPED);
    stream_close(&stream);
    fanfare_free(fanfare);
}

struct waiting {
    struct fanfare *fanfare;
    struct fanfare_note note;
    int result;
};

static void *wait_for_one(void *context)
{
    struct waiting *waiting = context;
    waiting->result = fanfare_note_next(waiting->fanfare, &waiting->note, FANFARE_FOREVER);
    return NULL;
}

/* Each thread that waits is told something in the end. */
static void several_wait(void)
{
    enum { THREADS = 4 };
    struct waiting waiting[THREADS];
    pthread_t threads[THREADS];
    struct fanfare *fanfare = engine_silent(NULL);
    unsigned stopped = 0, shut = 0;
    engine_start(fanfare, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        waiting[i] = (struct waiting){.fanfare = fanfare, .note.size = sizeof(struct fanfare_note)};
        REQUIRE(!pthread_create(&threads[i], NULL, wait_for_one, &waiting[i]), "no thread");
    }
    EXPECT_INT(fanfare_stop(fanfare), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        stopped += waiting[i].result == 1 && waiting[i].note.kind == FANFARE_NOTE_STOPPED;
        shut += waiting[i].result == -ESHUTDOWN;
    }
    EXPECT_INT(stopped, 1);
    EXPECT_INT(shut, THREADS - 1);
    fanfare_free(fanfare);
}

/* A newer program's note is filled as far as this library knows. */
static void sizes(void)
{
    struct {
        struct fanfare_note note;
        char more[16];
    } larger = {{.size = sizeof(larger)}, "xxxxxxxxxxxxxxx"};
    struct fanfare_note small = {.size = sizeof(small) - 1};
    union {
        struct fanfare_note note;
        char room[8192];
    } unset = {{.size = sizeof(unset)}}; /* as where nobody has set it */
    struct fanfare *fanfare = engine_silent(NULL);
    EXPECT_INT(fanfare_note_next(fanfare, &small, 0), -ESHUTDOWN);
    EXPECT_INT(fanfare_note_fd(fanfare), -ESHUTDOWN);
    EXPECT_INT(fanfare_subscriber_text(fanfare, 1, "peer", NULL, 0), -ESHUTDOWN);
    engine_start(fanfare, NULL);
    EXPECT_INT(fanfare_note_next(fanfare, &small, 0), -EINVAL);
    EXPECT_INT(fanfare_note_next(fanfare, NULL, 0), -EINVAL);
    EXPECT_INT(fanfare_note_next(NULL, &small, 0), -EINVAL);
    EXPECT_INT(fanfare_note_fd(NULL), -EINVAL);
    EXPECT_INT(fanfare_note_next(fanfare, &larger.note, -2), -EINVAL);
    EXPECT_INT(fanfare_subscriber_text(fanfare, 1, NULL, NULL, 0), -EINVAL);
    EXPECT_INT(fanfare_subscriber_text(fanfare, 1, "peer", NULL, 1), -EINVAL);
    EXPECT_INT(fanfare_subscriber_text(NULL, 1, "peer", NULL, 0), -EINVAL);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    EXPECT_INT(fanfare_note_next(fanfare, &unset.note, 0), -EINVAL);
    EXPECT_INT(fanfare_note_next(fanfare, &larger.note, 0), 1);
    EXPECT_INT(larger.note.size, sizeof(larger));
    EXPECT_INT(larger.note.kind, FANFARE_NOTE_STOPPED);
    EXPECT(!memcmp(larger.more, (char[16]){0}, 16), "what it does not know is 0");
    fanfare_free(fanfare);
}

static void in_a_child(void)
{
    struct fanfare *fanfare = engine_silent(on);
    engine_start(fanfare, NULL);
    pid_t child = fork();
    if (child == 0) {
        struct fanfare_note note = {.size = sizeof(note)};
        bool told = fanfare_note_next(fanfare, &note, FANFARE_FOREVER) == -ECHILD &&
                    fanfare_note_fd(fanfare) == -ECHILD &&
                    fanfare_subscriber_text(fanfare, 1, "peer", NULL, 0) == -ECHILD;
        _exit(told ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_INT(status, 0);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("of_a_listener", of_a_listener);
    check_case("nobody_fetches", nobody_fetches);
    check_case("the_last_one", the_last_one);
    check_case("of_a_drain", of_a_drain);
    check_case("who_reads_the_descriptor", who_reads_the_descriptor);
    check_case("only_the_last_one", only_the_last_one);
    check_case("several_wait", several_wait);
    check_case("sizes", sizes);
    check_case("in_a_child", in_a_child);
    return check_end();
}
