/* SPDX-License-Identifier: MIT */
/*
 * How the simulation says that something is wrong: seed, step and one sentence, then it ends.
 *
 * A broken invariant of the engine (CHECK) and a sanitizer's finding end the program as well; then
 * seed and step are printed by a signal handler. --trace prints every step. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct whereabouts {
    uint64_t seed;
    uint64_t step;
    const char *program; /* what replays a seed */
    bool trace;
};

extern struct whereabouts whereabouts;

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* From here on a deadly signal tells seed and step. */
void fail_watch(void);

/* Fails with what was expected and seen unless they are equal. */
void expect_equal(const char *what, uint64_t seen, uint64_t wanted);
