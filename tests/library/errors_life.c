/* SPDX-License-Identifier: MIT */
/*
 * The errors of making, setting, starting and stopping an engine, each provoked: see errors.h.
 *
 * What a machine refuses is played by a forbidden system call, in a child: its result is its exit
 * status, which errnos fit into.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/ban.h"
#include "tests/e2e/check.h"
#include "tests/library/engine.h"
#include "tests/library/errors.h"
#include "tests/library/provoke.h"

enum { BANNED = 200 }; /* exit status: the kernel does not let us forbid it */

/* --- engines --------------------------------------------------------------------------------- */

static int set_on_new(const char *name, const char *value)
{
    struct fanfare *fanfare = fanfare_new();
    int r = fanfare_set(fanfare, name, value);
    fanfare_free(fanfare);
    return r;
}

/* What a call says of one that runs, or ran. */
static int on_running(int (*call)(struct fanfare *fanfare), bool is_stopped)
{
    struct fanfare *fanfare = engine_silent(NULL);
    engine_start(fanfare, NULL);
    if (is_stopped)
        EXPECT_INT(fanfare_stop(fanfare), 0);
    int r = call(fanfare);
    engine_end(fanfare);
    return r;
}

/* What a start says where one system call is forbidden. */
static int start_without(unsigned call, int error, const char *name, const char *value)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct fanfare *fanfare = engine_silent(NULL);
        engine_set(fanfare, name, value);
        _exit(ban_call(call, error) ? -fanfare_start(fanfare) : BANNED);
    }
    int status = 0;
    REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status), "the child");
    REQUIRE(WEXITSTATUS(status) != BANNED, "no seccomp");
    return -WEXITSTATUS(status);
}

/* --- new, set, get --------------------------------------------------------------------------- */

static int of_null(void)
{
    return fanfare_set(NULL, "workers", "1");
}

static int option_unknown(void)
{
    return set_on_new("histroy-events", "1");
}

static int value_wrong(void)
{
    return set_on_new("workers", "none");
}

static int list_full(void)
{
    struct fanfare *fanfare = fanfare_new();
    char text[64];
    int r = 0;
    for (int i = 0; r == 0 && i < 1000; i++) {
        snprintf(text, sizeof(text), "X-%d: y", i);
        r = fanfare_set(fanfare, "header", text);
    }
    fanfare_free(fanfare);
    return r;
}

static int set_workers(struct fanfare *fanfare)
{
    return fanfare_set(fanfare, "workers", "3");
}

static int option_fixed(void)
{
    return on_running(set_workers, false);
}

static int fact_unknown(void)
{
    struct fanfare *fanfare = fanfare_new();
    int r = fanfare_get(fanfare, "weather", NULL, 0);
    fanfare_free(fanfare);
    return r;
}

static int fact_nowhere(void)
{
    struct fanfare *fanfare = fanfare_new();
    int r = fanfare_get(fanfare, "state", NULL, 1);
    fanfare_free(fanfare);
    return r;
}

/* --- start, stop ----------------------------------------------------------------------------- */

static int address_taken(void)
{
    struct server server;
    char address[32];
    struct fanfare *first = engine_new(NULL), *second = engine_silent(NULL);
    engine_start(first, &server);
    snprintf(address, sizeof(address), "127.0.0.1:%u", server.port);
    engine_set(second, "listen", address);
    int r = fanfare_start(second);
    fanfare_free(second);
    engine_end(first);
    return r;
}

static int address_forbidden(void)
{
    return start_without(SYS_bind, EACCES, "listen", "127.0.0.1:0");
}

static int uring_forbidden(void)
{
    return start_without(SYS_io_uring_setup, EPERM, "io", "uring");
}

static int again(struct fanfare *fanfare)
{
    return fanfare_start(fanfare);
}

static int started(void)
{
    return on_running(again, false);
}

static int stopped(void)
{
    return on_running(again, true);
}

static int stop(struct fanfare *fanfare)
{
    return fanfare_stop(fanfare);
}
PROVOKE(stop, child)

/* --- apply, drain ---------------------------------------------------------------------------- */

static int apply(struct fanfare *fanfare)
{
    return fanfare_apply(fanfare);
}

static int applied_late(void)
{
    return on_running(apply, true);
}

static int set_wrongly(struct fanfare *fanfare)
{
    EXPECT_INT(fanfare_set(fanfare, "heartbeat", "often"), FANFARE_ERROR_VALUE);
    return fanfare_apply(fanfare);
}

static int applied_wrongly(void)
{
    return on_running(set_wrongly, false);
}

static int drain(struct fanfare *fanfare)
{
    return fanfare_drain(fanfare);
}
PROVOKE(drain, child)

const struct error_row errors_life[] = {
    {"fanfare_new", -EINVAL, of_null},
    {"fanfare_set", FANFARE_ERROR_OPTION, option_unknown},
    {"fanfare_set", FANFARE_ERROR_VALUE, value_wrong},
    {"fanfare_set", -E2BIG, list_full},
    {"fanfare_set", -EBUSY, option_fixed},
    {"fanfare_get", FANFARE_ERROR_OPTION, fact_unknown},
    {"fanfare_get", -EINVAL, fact_nowhere},
    {"fanfare_start", -EADDRINUSE, address_taken},
    {"fanfare_start", -EACCES, address_forbidden},
    {"fanfare_start", -EPERM, uring_forbidden},
    {"fanfare_start", -EALREADY, started},
    {"fanfare_start", -ESHUTDOWN, stopped},
    {"fanfare_apply", -ESHUTDOWN, applied_late},
    {"fanfare_apply", FANFARE_ERROR_VALUE, applied_wrongly},
    {"fanfare_drain", -ECHILD, drain_child},
    {"fanfare_stop", -ECHILD, stop_child},
    {NULL, 0, NULL},
};
