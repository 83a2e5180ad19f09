/* SPDX-License-Identifier: MIT */
/*
 * Engines that come and go: a thousand after each other leave nothing behind, fifty at once do not
 * know of each other, a stop or a drain meets calls of other threads, and options change while one
 * runs.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"
#include "tests/library/engine.h"

static int tell(struct fanfare *fanfare)
{
    return fanfare_publish(fanfare, "news", NULL, "headline", 8, 0, NULL);
}

/* A connection that nobody reads, as far as the engine knows: its other end is closed. */
static int adopt_one(struct fanfare *fanfare)
{
    int fds[2];
    struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                .channel = "news",
                                                .channel_len = 4,
                                                .flags = FANFARE_HEAD_SENT | FANFARE_PLAIN};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "%s", strerror(errno));
    int r = fanfare_adopt(fanfare, fds[0], &subscription, NULL);
    if (r < 0)
        EXPECT(close(fds[0]) == 0, "it was the caller's: %s", strerror(errno));
    close(fds[1]);
    return r;
}

static void expect_state(struct fanfare *fanfare, const char *wanted)
{
    char state[16] = "";
    EXPECT(fanfare_get(fanfare, "state", state, sizeof(state)) > 0, "state");
    EXPECT_TEXT(state, wanted);
}

/* --- one after the other ------------------------------------------------------------------- */

static void live_once(bool drains)
{
    struct fanfare *fanfare = engine_silent((const char *const[]){"workers", "1", NULL});
    engine_start(fanfare, NULL);
    EXPECT_INT(adopt_one(fanfare), 0);
    EXPECT_INT(tell(fanfare), 0);
    if (drains)
        EXPECT_INT(fanfare_stop(fanfare), 0);
    fanfare_free(fanfare);
}

static void leave_nothing(void)
{
    unsigned cycles = check_scaled(check_on_ring() ? 1000 : 250); /* which takes its time */
    for (unsigned i = 0; i < cycles / 5; i++)
        live_once(i % 2); /* what the C library keeps, it has now */
    unsigned descriptors = check_entries("/proc/self/fd"),
             threads = check_entries("/proc/self/task");
    size_t memory = mallinfo2().uordblks;
    for (unsigned i = 0; i < cycles; i++)
        live_once(i % 2);
    EXPECT_INT(check_entries("/proc/self/fd"), descriptors);
    EXPECT_INT(check_entries("/proc/self/task"), threads);
    size_t grown = mallinfo2().uordblks - memory;
    EXPECT(CHECK_SANITIZED || (int64_t)grown < 4096, "%zu bytes are left", grown);
}

/* --- many at once --------------------------------------------------------------------------- */

enum { ENGINES = 50, THREADS = 8 };

static struct slot {
    pthread_mutex_t owner; /* one thread at a time is */
    struct fanfare *fanfare;
} slots[ENGINES];

/* The next step of one of them, whichever. */
static void step(struct slot *slot, unsigned dice)
{
    char state[16];
    if (!slot->fanfare) {
        slot->fanfare = engine_silent((const char *const[]){"workers", "1", NULL});
        EXPECT_INT(tell(slot->fanfare), -ESHUTDOWN);
        return;
    }
    REQUIRE(fanfare_get(slot->fanfare, "state", state, sizeof(state)) > 0, "state");
    bool runs = strcmp(state, "running") == 0;
    if (strcmp(state, "new") == 0 && dice % 4) {
        engine_start(slot->fanfare, NULL);
    } else if (runs && dice % 4 == 0) {
        EXPECT_INT(fanfare_drain(slot->fanfare), 0);
        EXPECT_INT(tell(slot->fanfare), -ESHUTDOWN);
    } else if (runs && dice % 4 == 1) {
        EXPECT_INT(tell(slot->fanfare), 0);
    } else if (dice % 4 == 2) {
        EXPECT_INT(fanfare_stop(slot->fanfare), 0);
    } else {
        fanfare_free(slot->fanfare);
        slot->fanfare = NULL;
    }
}

static void *steps(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < check_scaled(300); i++) {
        struct slot *slot = &slots[(unsigned)rand_r(&seed) % ENGINES];
        pthread_mutex_lock(&slot->owner);
        step(slot, (unsigned)rand_r(&seed));
        pthread_mutex_unlock(&slot->owner);
    }
    return NULL;
}

static void many_know_nothing_of_each_other(void)
{
    pthread_t threads[THREADS];
    unsigned descriptors = check_entries("/proc/self/fd");
    /* liburing's own munmap is not seen by ThreadSanitizer: for it two rings at the same address,
     * one after the other, are one. */
    if (CHECK_SANITIZED_THREADS && check_on_ring())
        return;
    for (unsigned i = 0; i < ENGINES; i++)
        pthread_mutex_init(&slots[i].owner, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, steps, (void *)(i + 1));
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < ENGINES; i++)
        fanfare_free(slots[i].fanfare);
    EXPECT_INT(check_entries("/proc/self/fd"), descriptors);
}

/* --- a stop meets calls ---------------------------------------------------------------------- */

static struct fanfare *met;
static atomic_uint refused;
static atomic_bool over, drains; /* some thread does it, at some time */

/* Whatever any thread may call. */
static int call_one(unsigned i)
{
    struct fanfare_note note = {.size = sizeof(note)};
    struct fanfare_channel channel = {.size = sizeof(channel)};
    uint64_t number;
    int r = 0;
    switch (i % 8) {
    case 0:
    case 1:
        return fanfare_publish(met, "news", "t", "x", 1, i % 16 ? 0 : 1000, &number);
    case 2:
        return i > 4000 && drains ? fanfare_drain(met) : 0;
    case 3:
        return fanfare_note_next(met, &note, 0) < 0 ? -ESHUTDOWN : 0;
    case 4:
        return i % 64 == 4 ? adopt_one(met) : 0;
    case 5:
        r = i % 64 == 5 ? fanfare_channel_get(met, "news", 4, &channel) : 0;
        return r == -ENOENT || r == -EBUSY ? 0 : r;
    case 6:
        return fanfare_stat(met, "published", &number);
    default:
        r = i % 512 == 7 ? fanfare_subscriber_end_all(met, FANFARE_AT_ONCE) : 0;
        return r == -EBUSY ? -EAGAIN : r;
    }
}

static void *call(void *argument)
{
    for (unsigned i = (unsigned)(uintptr_t)argument; !over; i++) {
        int r = call_one(i);
        REQUIRE(r >= 0 || r == -EAGAIN || r == -ETIMEDOUT || r == -ESHUTDOWN, "%u: %d", i % 8, r);
        if (r == -ESHUTDOWN) {
            refused++;
            sched_yield();
        }
    }
    return NULL;
}

static void a_stop_meets_calls(void)
{
    pthread_t threads[THREADS];
    for (unsigned round = 0; round < check_scaled(40); round++) {
        met = engine_silent(NULL);
        engine_start(met, NULL);
        over = false;
        refused = 0;
        for (uintptr_t i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, call, (void *)i);
        while (fanfare_position(met) < 100)
            sched_yield();
        drains = round % 2;
        int r = 0;
        while (drains && r == 0) /* options change until it leaves */
            r = fanfare_apply(met);
        EXPECT(r == 0 || r == -ESHUTDOWN, "%d", r);
        EXPECT_INT(fanfare_stop(met), 0);
        for (int64_t end = check_now_ms() + DEADLINE_MS; refused < THREADS;)
            REQUIRE(check_now_ms() < end, "nobody is told");
        over = true;
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        fanfare_free(met);
    }
}

/* --- a drain --------------------------------------------------------------------------------- */

static struct fanfare *drained;

static void on_signal(int number)
{
    (void)number;
    (void)fanfare_drain(drained);
}

static void await_stopped(struct fanfare *fanfare)
{
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, FANFARE_NOTE_STOPPED);
}

static void drains_from_a_signal_handler(void)
{
    struct server server;
    struct stream stream;
    struct sigaction before, action = {.sa_handler = on_signal};
    char id[136];
    drained = engine_new(NULL);
    engine_start(drained, &server);
    stream_open(&stream, &server, "/events/news", NULL);
    stream_await_id(&stream);
    EXPECT_INT(tell(drained), 0);
    sigaction(SIGUSR1, &action, &before);
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &before, NULL);
    EXPECT_INT(tell(drained), -ESHUTDOWN);
    stream_expect(&stream, "message", "headline", id);
    stream_expect_end(&stream);
    stream_close(&stream);
    await_stopped(drained);
    EXPECT_INT(fanfare_apply(drained), -ESHUTDOWN);
    EXPECT_INT(fanfare_drain(drained), 0);
    EXPECT_INT(fanfare_stop(drained), 0);
    expect_state(drained, "stopped");
    EXPECT_INT(fanfare_start(drained), -ESHUTDOWN);
    fanfare_free(drained);
}

static void a_drain_may_come_before_the_start(void)
{
    struct fanfare *fanfare = engine_silent(NULL);
    EXPECT_INT(fanfare_stop(fanfare), 0); /* nothing to do */
    expect_state(fanfare, "new");
    EXPECT_INT(fanfare_drain(fanfare), 0);
    engine_start(fanfare, NULL);
    EXPECT_INT(tell(fanfare), -ESHUTDOWN);
    await_stopped(fanfare);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    fanfare_free(fanfare);
}

/* Without waiting for whoever takes nothing, however long a drain may last. */
static void is_freed_while_it_runs(void)
{
    struct server server;
    struct stream stream;
    struct fanfare *fanfare = engine_new((const char *const[]){"drain-timeout", "600", NULL});
    char *data = calloc(1, 1 << 20);
    engine_start(fanfare, &server);
    stream_open(&stream, &server, "/events/news", NULL);
    stream_await_id(&stream);
    memset(data, 'x', 1 << 20);
    for (int i = 0; i < 20; i++) /* which it does not read, and no socket holds */
        (void)fanfare_publish(fanfare, "news", NULL, data, 1 << 20, 0, NULL);
    fanfare_free(fanfare);
    free(data);
    stream_close(&stream);
}

/* --- other options --------------------------------------------------------------------------- */

static int status_of(struct server *server, const char *target)
{
    struct client client;
    struct answer answer;
    client_open(&client, server);
    client_request(&client, "GET", target, NULL, NULL, 0, &answer);
    int status = answer.status;
    answer_free(&answer);
    client_close(&client);
    return status;
}

static void await_status(struct server *server, const char *target, int wanted)
{
    for (int64_t end = check_now_ms() + DEADLINE_MS; status_of(server, target) != wanted;)
        REQUIRE(check_now_ms() < end, "%s is never %d", target, wanted);
}

static void options_change_together(void)
{
    struct server server;
    struct stream stream;
    char text[64];
    struct fanfare *fanfare = engine_new(NULL);
    engine_set(fanfare, "publish-token-file", "/nowhere/tokens");
    EXPECT(fanfare_apply(fanfare) < 0, "before the start as well");
    EXPECT(strstr(fanfare_error(fanfare), "/nowhere/tokens"), "%s", fanfare_error(fanfare));
    engine_set(fanfare, "publish-token-file", NULL);
    EXPECT_INT(fanfare_apply(fanfare), 0);
    engine_start(fanfare, &server);
    stream_open(&stream, &server, "/events/news", NULL);
    stream_await_id(&stream);
    EXPECT_INT(status_of(&server, "/stats"), 404);
    engine_set(fanfare, "routes", "subscribe stats");
    EXPECT_INT(status_of(&server, "/stats"), 404); /* not yet */
    EXPECT_INT(fanfare_apply(fanfare), 0);
    await_status(&server, "/stats", 200);
    EXPECT_INT(status_of(&server, "/healthz"), 404);

    /* What takes two options, and what a rule says, is looked at before anything holds. */
    engine_set(fanfare, "routes", "subscribe health");
    engine_set(fanfare, "head-max", "2K");
    engine_set(fanfare, "target-max", "4K");
    EXPECT_INT(fanfare_apply(fanfare), FANFARE_ERROR_VALUE);
    EXPECT(strstr(fanfare_error(fanfare), "target-max"), "%s", fanfare_error(fanfare));
    EXPECT_INT(status_of(&server, "/stats"), 200);
    engine_set(fanfare, "target-max", "1K");
    engine_set(fanfare, "channel", "a* nonsense=1");
    EXPECT_INT(fanfare_apply(fanfare), FANFARE_ERROR_VALUE);
    EXPECT(strstr(fanfare_error(fanfare), "nonsense"), "%s", fanfare_error(fanfare));
    EXPECT_INT(status_of(&server, "/stats"), 200);
    engine_set(fanfare, "channel", NULL);
    EXPECT_INT(fanfare_apply(fanfare), 0);
    await_status(&server, "/healthz", 200);

    /* A refused setting is told once more where the program looks. */
    EXPECT_INT(fanfare_set(fanfare, "heartbeat", "often"), FANFARE_ERROR_VALUE);
    EXPECT_INT(fanfare_apply(fanfare), FANFARE_ERROR_VALUE);
    EXPECT(strstr(fanfare_error(fanfare), "heartbeat"), "%s", fanfare_error(fanfare));
    EXPECT_INT(fanfare_set(fanfare, "workers", "7"), -EBUSY);
    EXPECT_INT(fanfare_apply(fanfare), -EBUSY);
    EXPECT_INT(fanfare_get(fanfare, "workers", text, sizeof(text)), 1);
    EXPECT_TEXT(text, "2");
    EXPECT_INT(fanfare_apply(fanfare), 0);
    EXPECT_TEXT(fanfare_error(fanfare), "");

    /* Nobody is closed for it. */
    EXPECT_INT(tell(fanfare), 0);
    stream_expect(&stream, "message", "headline", (char[136]){0});
    stream_close(&stream);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("leave_nothing", leave_nothing);
    check_case("many_know_nothing_of_each_other", many_know_nothing_of_each_other);
    check_case("a_stop_meets_calls", a_stop_meets_calls);
    check_case("drains_from_a_signal_handler", drains_from_a_signal_handler);
    check_case("a_drain_may_come_before_the_start", a_drain_may_come_before_the_start);
    check_case("is_freed_while_it_runs", is_freed_while_it_runs);
    check_case("options_change_together", options_change_together);
    return check_end();
}
