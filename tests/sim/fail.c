/* SPDX-License-Identifier: MIT */
/* See fail.h. */
#include "tests/sim/fail.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct whereabouts whereabouts = {.program = "sim"};

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "sim: seed %llu, step %llu: ", (unsigned long long)whereabouts.seed,
            (unsigned long long)whereabouts.step);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nsim: to replay: %s --seed %llu --trace\n", whereabouts.program,
            (unsigned long long)whereabouts.seed);
    va_end(arguments);
    fflush(stderr);
    _exit(1);
}

void trace(const char *format, ...)
{
    if (!whereabouts.trace)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("%4llu  ", (unsigned long long)whereabouts.step);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

static void on_deadly(int number)
{
    char line[160];
    int len = snprintf(line, sizeof(line), "sim: seed %llu, step %llu: ended by signal %d\n",
                       (unsigned long long)whereabouts.seed, (unsigned long long)whereabouts.step,
                       number);
    ssize_t written = write(STDERR_FILENO, line, (size_t)len);
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

void fail_watch(void)
{
    signal(SIGABRT, on_deadly);
    signal(SIGSEGV, on_deadly);
    signal(SIGBUS, on_deadly);
    signal(SIGALRM, on_deadly);
}

void expect_equal(const char *what, uint64_t seen, uint64_t wanted)
{
    if (seen != wanted)
        fail("%s is %llu, expected %llu", what, (unsigned long long)seen,
             (unsigned long long)wanted);
}
