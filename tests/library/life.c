/* SPDX-License-Identifier: MIT */
/*
 * Engines that come and go: a thousand after each other leave nothing behind, fifty at once do not
 * know of each other, a stop or a drain meets calls of other threads, options change while one
 * runs, and a child process has none.
 */
#include <dirent.h>
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"
#include "tests/library/engine.h"

static int tell(struct fanfare *fanfare)
{
    return fanfare_publish(fanfare, "news", NULL, "headline", 8, 0, NULL);
}

static unsigned entries(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;
    REQUIRE(folder, "%s", path);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
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
    EXPECT_INT(tell(fanfare), 0);
    if (drains)
        EXPECT_INT(fanfare_stop(fanfare), 0);
    fanfare_free(fanfare);
}

static void leave_nothing(void)
{
    unsigned cycles = check_scaled(1000);
    for (unsigned i = 0; i < cycles / 5; i++)
        live_once(i % 2); /* what the C library keeps, it has now */
    unsigned descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    size_t memory = mallinfo2().uordblks;
    for (unsigned i = 0; i < cycles; i++)
        live_once(i % 2);
    EXPECT_INT(entries("/proc/self/fd"), descriptors);
    EXPECT_INT(entries("/proc/self/task"), threads);
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
    unsigned descriptors = entries("/proc/self/fd");
    /* liburing's own munmap is not seen by ThreadSanitizer: for it two rings at the same address,
     * one after the other, are one. */
    if (CHECK_SANITIZED && check_on_ring())
        return;
    for (unsigned i = 0; i < ENGINES; i++)
        pthread_mutex_init(&slots[i].owner, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, steps, (void *)(i + 1));
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < ENGINES; i++)
        fanfare_free(slots[i].fanfare);
    EXPECT_INT(entries("/proc/self/fd"), descriptors);
}

/* --- a stop meets calls ---------------------------------------------------------------------- */

static struct fanfare *met;
static atomic_uint refused;
static atomic_bool over, drains; /* some thread does it, at some time */

/* Whatever any thread may call. */
static void *call(void *argument)
{
    struct fanfare_note note = {.size = sizeof(note)};
    uint64_t sequence;
    for (unsigned i = (unsigned)(uintptr_t)argument; !over; i++) {
        int r = 0;
        switch (i % 4) {
        case 0:
        case 1:
            r = fanfare_publish(met, "news", "t", "x", 1, i % 8 ? 0 : 1000, &sequence);
            break;
        case 2:
            (void)fanfare_position(met);
            if (i > 4000 && drains)
                r = fanfare_drain(met);
            break;
        case 3:
            (void)fanfare_note_next(met, &note, 0);
            break;
        }
        REQUIRE(r == 0 || r == -EAGAIN || r == -ETIMEDOUT || r == -ESHUTDOWN, "%d", r);
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

/* --- threads and descriptors ----------------------------------------------------------------- */

/* One line of a thread's status, behind its name. */
static void status_line(const char *task, const char *name, char out[64])
{
    char path[300], line[256];
    snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "re");
    out[0] = '\0';
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            (void)sscanf(line + strlen(name), " %63s", out);
    if (file)
        fclose(file);
}

/* How many there are of the library, whose names they give themselves. */
static unsigned threads_of_ours(void)
{
    /* What can be blocked: not SIGKILL, SIGSTOP and the two of the C library. */
    const uint64_t never = UINT64_C(1) << 8 | UINT64_C(1) << 18 | UINT64_C(3) << 31;
    char name[64], blocked[64];
    unsigned found = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        status_line(entry->d_name, "Name:", name);
        if (strncmp(name, "fanfare-", 8) != 0)
            continue;
        status_line(entry->d_name, "SigBlk:", blocked);
        EXPECT((strtoull(blocked, NULL, 16) | never) == UINT64_MAX, "%s blocks %s", name, blocked);
        found++;
    }
    closedir(folder);
    return found;
}

/* A host's debugger shows whose they are, and no signal of the host comes to one. */
static void threads_have_names_and_take_no_signal(void)
{
    enum { WANTED = 2 + 5 }; /* workers; acceptor, keeper, log, presence, who asks */
    char log[64];
    snprintf(log, sizeof(log), "/tmp/fanfare-life-%d.log", getpid());
    struct fanfare *fanfare =
        engine_new((const char *const[]){"access-log", log, "channel", "room presence",
                                         "authorize-url", "http://127.0.0.1:1/", NULL});
    engine_start(fanfare, NULL);
    for (int64_t end = check_now_ms() + DEADLINE_MS; threads_of_ours() < WANTED;)
        REQUIRE(check_now_ms() < end, "%u threads", threads_of_ours());
    EXPECT_INT(threads_of_ours(), WANTED);
    engine_end(fanfare);
    unlink(log);
}

static unsigned long room_with(const char *kept)
{
    char room[32];
    struct fanfare *fanfare = engine_silent(
        (const char *const[]){"descriptors-kept", kept, "connections-max", "100", NULL});
    engine_start(fanfare, NULL);
    EXPECT(fanfare_get(fanfare, "room", room, sizeof(room)) > 0, "room");
    engine_end(fanfare);
    return strtoul(room, NULL, 10);
}

static void descriptors_are_left_to_the_program(void)
{
    struct rlimit before, few;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0, "getrlimit");
    few = before;
    few.rlim_cur = before.rlim_max < 8192 ? before.rlim_max : 8192;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    unsigned long all = room_with("0"), some = room_with("1000");
    /* Sockets that live in rings take none of them. */
    EXPECT_INT(all - some, check_on_ring() ? 0 : 1000);
    setrlimit(RLIMIT_NOFILE, &before);
}

/* --- fork ------------------------------------------------------------------------------------ */

/* Everything that a child may try with its parent's engine. */
static int child(struct fanfare *fanfare)
{
    struct fanfare_note note = {.size = sizeof(note)};
    bool held = tell(fanfare) == -ECHILD && fanfare_set(fanfare, "retry", "1") == -ECHILD &&
                fanfare_get(fanfare, "state", NULL, 0) == -ECHILD &&
                fanfare_start(fanfare) == -ECHILD && fanfare_apply(fanfare) == -ECHILD &&
                fanfare_drain(fanfare) == -ECHILD && fanfare_stop(fanfare) == -ECHILD &&
                fanfare_note_next(fanfare, &note, -1) == -ECHILD;
    fanfare_free(fanfare);
    if (CHECK_SANITIZED) /* which make no threads in a child */
        return held ? 0 : 1;
    /* One of its own it may have. */
    struct fanfare *own = engine_silent(NULL);
    engine_start(own, NULL);
    held = held && tell(own) == 0 && fanfare_stop(own) == 0;
    fanfare_free(own);
    return held ? 0 : 1;
}

static void a_child_has_none(void)
{
    struct server server;
    struct stream stream;
    int status;
    struct fanfare *fanfare = engine_new(NULL);
    engine_start(fanfare, &server);
    stream_open(&stream, &server, "/events/news", NULL);
    stream_await_id(&stream);
    pid_t pid = fork();
    REQUIRE(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0)
        _exit(child(fanfare));
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
    EXPECT_INT(status, 0);
    EXPECT_INT(tell(fanfare), 0); /* whose parent goes on */
    stream_expect(&stream, "message", "headline", (char[136]){0});
    engine_end(fanfare);
    stream_close(&stream);
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
    check_case("threads_have_names_and_take_no_signal", threads_have_names_and_take_no_signal);
    check_case("descriptors_are_left_to_the_program", descriptors_are_left_to_the_program);
    check_case("a_child_has_none", a_child_has_none);
    return check_end();
}
