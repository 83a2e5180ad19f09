/* SPDX-License-Identifier: MIT */
/*
 * What every end-to-end program shares: assertions, cases, deadlines.
 *
 * EXPECT notes a failure and goes on; REQUIRE ends the program, for what nothing can follow. Both
 * print file, line, the condition and what was seen instead. A case prints one line when it is
 * over. One thread only, but for check_now_ms. Nothing here knows the server.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long any single wait may take before it counts as a failure. Never a pause: whoever waits
 * goes on as soon as the condition holds. */
#define DEADLINE_MS 20000

/* Meson's exit status for "skipped". */
#define CHECK_SKIPPED 77

#ifdef __SANITIZE_THREAD__
#define CHECK_SANITIZED_THREADS 1
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECK_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHECK_SANITIZED_THREADS 1
#endif
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CHECK_SANITIZED 1
#endif
#endif
#ifndef CHECK_SANITIZED
#define CHECK_SANITIZED 0
#endif

#ifndef CHECK_SANITIZED_THREADS
#define CHECK_SANITIZED_THREADS 0
#endif

#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                             \
    } while (0)

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                             \
            check_abandon();                                                                       \
        }                                                                                          \
    } while (0)

/* The two most frequent ones, which say both sides. */
#define EXPECT_INT(seen, wanted)                                                                   \
    check_int(__FILE__, __LINE__, #seen, (long long)(seen), (long long)(wanted))
#define EXPECT_TEXT(seen, wanted) check_text(__FILE__, __LINE__, #seen, (seen), (wanted))

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
_Noreturn void check_abandon(void);
void check_int(const char *file, int line, const char *what, long long seen, long long wanted);
void check_text(const char *file, int line, const char *what, const char *seen, const char *wanted);

/* Takes the program's arguments: BACKEND [CASE...]. Ends the program with 77 and a reason if the
 * backend cannot run on this machine. */
void check_begin(int argc, char **argv);
/* As --io names it: "uring", "uring-compat" or "epoll". */
const char *check_backend(void);
bool check_on_ring(void);
/* Whether its sockets live in rings' file tables and take no descriptor. */
bool check_registers(void);
/* Shown with every failure from now on: which of many runs it is. NULL: nothing. The text must
 * stay.
 */
void check_note(const char *note);
/* Runs one case, unless the command line names others. */
void check_case(const char *name, void (*run)(void));
/* The exit status. */
int check_end(void);
_Noreturn void check_skip(const char *reason);

int64_t check_now_ms(void);
/* Whether the same run takes ten times as long: under a sanitizer, or where E2E_SLOW says so. */
bool check_slow(void);
/* A size for this machine: a tenth where it is slow. */
unsigned check_scaled(unsigned full);
/* How many entries a folder has, such as /proc/self/fd; in a process's own the one that is opened
 * for it counts, too. */
unsigned check_entries(const char *path);
/* How many seconds the long programs run: E2E_SECONDS, 3 if not set. */
unsigned check_seconds(void);
