/* SPDX-License-Identifier: MIT */
/* Assertions, cases and the skip rule of the end-to-end programs; see check.h. */
#include "tests/e2e/check.h"

#include <dirent.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Enough to see the pattern of a failure that repeats for each of 10,000 subscribers. */
#define FAILURES_SHOWN 20u

static const char *backend = "epoll";
static char **wanted_cases;
static int wanted_count;
static unsigned failures;
static const char *current_case = "start";
static const char *current_note;

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list arguments;

    failures++;
    if (failures == FAILURES_SHOWN + 1)
        printf("... further failed assertions are only counted\n");
    if (failures > FAILURES_SHOWN)
        return;
    printf("%s:%d: in %s%s%s: %s: ", file, line, current_case, current_note ? ", " : "",
           current_note ? current_note : "", condition);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

_Noreturn void check_abandon(void)
{
    printf("FAILED %s (abandoned)\n", current_case);
    fflush(stdout);
    /* Not exit(): the run is over, and a leak report would only hide the message above. */
    _exit(1);
}

void check_int(const char *file, int line, const char *what, long long seen, long long wanted)
{
    if (seen != wanted)
        check_failed(file, line, what, "seen %lld, wanted %lld", seen, wanted);
}

void check_text(const char *file, int line, const char *what, const char *seen, const char *wanted)
{
    if (strcmp(seen ? seen : "(none)", wanted) != 0)
        check_failed(file, line, what, "seen \"%s\", wanted \"%s\"", seen ? seen : "(none)",
                     wanted);
}

/* Asked of the kernel, not of the server: a server that fails to use io_uring must not be skipped.
 */
static bool uring_permitted(void)
{
    struct io_uring_params params = {0};
    long fd = syscall(__NR_io_uring_setup, 8, &params);

    if (fd < 0)
        return errno != EPERM && errno != ENOSYS && errno != EACCES;
    close((int)fd);
    return true;
}

void check_begin(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    static const char *const backends[][2] = {
        {"uring", "uring"}, {"compat", "uring-compat"}, {"epoll", "epoll"}};
    backend = NULL;
    for (unsigned i = 0; i < 3 && argc >= 2; i++)
        if (strcmp(argv[1], backends[i][0]) == 0)
            backend = backends[i][1];
    if (!backend) {
        fprintf(stderr, "usage: E2E_PROGRAM=build/fanfare %s uring|compat|epoll [CASE...]\n",
                argv[0]);
        exit(2);
    }
    wanted_cases = argv + 2;
    wanted_count = argc - 2;
    if (check_on_ring() && !uring_permitted())
        check_skip("the kernel does not permit io_uring here");
}

const char *check_backend(void)
{
    return backend;
}

bool check_on_ring(void)
{
    return strcmp(backend, "epoll") != 0;
}

bool check_registers(void)
{
    return strcmp(backend, "uring") == 0;
}

void check_note(const char *note)
{
    current_note = note;
}

void check_case(const char *name, void (*run)(void))
{
    unsigned before = failures;
    int64_t start = check_now_ms();
    bool wanted = wanted_count == 0;

    for (int i = 0; i < wanted_count; i++)
        wanted = wanted || strcmp(wanted_cases[i], name) == 0;
    if (!wanted)
        return;
    current_case = name;
    run();
    printf("%s %s (%lld ms)\n", failures == before ? "ok" : "FAILED", name,
           (long long)(check_now_ms() - start));
}

int check_end(void)
{
    current_case = "end";
    if (failures)
        printf("%u failed assertions\n", failures);
    return failures ? 1 : 0;
}

_Noreturn void check_skip(const char *reason)
{
    printf("skipped: %s\n", reason);
    fflush(stdout);
    _exit(CHECK_SKIPPED);
}

int64_t check_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool check_slow(void)
{
    return CHECK_SANITIZED || getenv("E2E_SLOW");
}

unsigned check_scaled(unsigned full)
{
    return check_slow() ? full / 10 : full;
}

unsigned check_seconds(void)
{
    const char *text = getenv("E2E_SECONDS");
    int seconds = text ? atoi(text) : 3;

    return seconds > 0 ? (unsigned)seconds : 3;
}

unsigned check_entries(const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);
    REQUIRE(folder, "%s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}
