/* SPDX-License-Identifier: MIT */
/*
 * A real `fanfare serve` under test: its own process, on port 0, with a feed in a new directory.
 *
 * The program is $E2E_PROGRAM, the backend the one of check_begin. The kernel kills the server if
 * the test dies. server_stop asks with SIGTERM and expects exit status 0, so every program also
 * tests the drain. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct server {
    pid_t pid;
    uint16_t port;
    int out; /* its standard output, behind the first line */
    char dir[64];
    char feed[96];
    char said[4096]; /* what it had printed when it was ready */
};

#define SERVER_OPTIONS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Starts it with further options and waits until it listens. Ends the test if it does not. */
void server_start(struct server *server, const char *const *options);
/* The same, with at most so many descriptors (RLIMIT_NOFILE, hard and soft). */
void server_start_limited(struct server *server, unsigned descriptors_max,
                          const char *const *options);

/* How a program is started, where that matters; what is zero is as usual. */
struct launch {
    const char *program; /* instead of $E2E_PROGRAM */
    const char *io;      /* instead of the backend of check_begin */
    unsigned descriptors_max;
    int in, out, err; /* descriptors to inherit (never 0); for a server `out` means that what it
                         says is not read, and that it is not waited for */
    /* Runs in the child right before the program does; false: it cannot be started. */
    bool (*prepare)(void *context);
    void *context;
};
void server_start_as(struct server *server, const struct launch *launch,
                     const char *const *options);
/* Reads on until the line that names the backend; gives that line's text from "io: " on. */
void server_read_io_line(struct server *server, char ret_line[256]);
/* SIGTERM; waits; expects exit status 0. */
void server_stop(struct server *server);
/* SIGTERM only, for tests that watch what happens until the end. */
void server_terminate(struct server *server);
/* Waits for the end and gives the wait status. */
int server_wait(struct server *server);
/* The same, where nobody looks at what is left of its directory. */
int server_wait_only(struct server *server);

/* Bytes of resident memory. */
long server_memory(const struct server *server);
/* Processor time it has used, in milliseconds. */
long server_cpu_ms(const struct server *server);
/* One number of /stats; ends the test if there is none of that name. */
long long server_stat(const struct server *server, const char *name);
/* Waits until the number is at least (or with `at_least` false: at most) this. */
void server_await(const struct server *server, const char *name, bool at_least, long long value);

/* Runs the program with these arguments to its end, giving `input` (NULL: none) on standard input:
 * its exit status, what it printed, and what it said on standard error. */
struct outcome {
    int status; /* exit status; -1: ended by a signal */
    char out[32768];
    char err[4096];
};
void program_run(const char *const *arguments, const char *input, struct outcome *ret_outcome);
void program_run_as(const struct launch *launch, const char *const *arguments, const char *input,
                    struct outcome *ret_outcome);
/* Command lines that the program refuses with status 2 and a sentence that has these words. */
struct refused {
    const char *arguments[6];
    const char *said;
};
void program_expect_refused(const struct refused *rows, unsigned count);
/* Starts it and returns at once, with the reading end of its standard output. */
pid_t program_start(const char *const *arguments, int *ret_out);
pid_t program_start_as(const struct launch *launch, const char *const *arguments);
const char *program_path(void);
