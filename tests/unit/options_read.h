/* SPDX-License-Identifier: MIT */
/*
 * What the tests of options share: a command line of `serve` read into settings, and a file of
 * options. Each program has its own, and one test runs at a time. No tests here.
 */
#pragma once

#include <criterion/criterion.h>
#include <unistd.h>

#include "cmd/options.h"

static struct parse parse;
static struct serve_settings settings;

/* Reads a command line of serve, up to 8 words. */
#define READ(...)   read_serve((const char *const[]){__VA_ARGS__, NULL})
#define READ_NONE() read_serve((const char *const[]){NULL})

static inline int read_serve(const char *const *arguments)
{
    int count = 0;
    while (arguments[count])
        count++;
    serve_settings_begin(&settings);
    int r = parse_run(&parse, &command_serve, count, (char **)arguments, &settings);
    return r == 0 ? serve_settings_finish(&settings, &parse) : r;
}

static inline void expect_fault(const char *sentence)
{
    cr_expect_str_eq(parse.error, sentence);
    parse_free(&parse);
}

/* Writes a configuration file and names it in FANFARE_CONFIG. */
static inline void config_write(const char *text)
{
    static char path[32];
    snprintf(path, sizeof(path), "/tmp/fanfare-test-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    cr_assert_eq(setenv("FANFARE_CONFIG", path, 1), 0);
}

static inline void config_remove(void)
{
    unlink(getenv("FANFARE_CONFIG"));
    unsetenv("FANFARE_CONFIG");
}
