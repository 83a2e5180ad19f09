/* SPDX-License-Identifier: MIT */
/*
 * What an engine is to the process around it: threads with names that take no signal, descriptors
 * that it leaves alone, and nothing to a child.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/stream.h"
#include "tests/library/engine.h"

static int tell(struct fanfare *fanfare)
{
    return fanfare_publish(fanfare, "news", NULL, "headline", 8, 0, NULL);
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
    check_case("threads_have_names_and_take_no_signal", threads_have_names_and_take_no_signal);
    check_case("descriptors_are_left_to_the_program", descriptors_are_left_to_the_program);
    check_case("a_child_has_none", a_child_has_none);
    return check_end();
}
