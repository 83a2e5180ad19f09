/* SPDX-License-Identifier: MIT */
/*
 * As much of Criterion as tests/unit/test_io.c uses, for where Criterion itself cannot run.
 *
 * It keeps its results in memory at an address beyond what a process of user-mode Linux has. Here
 * each test is a process of its own that ends with the first failed assertion, and what it says
 * goes to standard output. What is missing does not compile, so nothing is left out silently.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plain_test {
    const char *suite, *name;
    void (*init)(void); /* NULL: none */
    void (*run)(void);
    struct plain_test *next;
};

void plain_add(struct plain_test *test);
/* `fatal`: the test ends here if it does not hold. */
void plain_check(bool holds, bool fatal, const char *file, int line, const char *condition,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));
_Noreturn void plain_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define Test(suite_, name_, ...)                                                                   \
    static void suite_##_##name_(void);                                                            \
    static struct plain_test suite_##_##name_##_test = {                                           \
        .suite = #suite_, .name = #name_, .run = suite_##_##name_, ##__VA_ARGS__};                 \
    __attribute__((constructor)) static void suite_##_##name_##_add(void)                          \
    {                                                                                              \
        plain_add(&suite_##_##name_##_test);                                                       \
    }                                                                                              \
    static void suite_##_##name_(void)

/* What follows the operands is a message, or nothing. */
#define PLAIN_CHECK(holds, fatal, text, ...)                                                       \
    plain_check((holds), (fatal), __FILE__, __LINE__, text, " " __VA_ARGS__)

#define cr_skip_test(...) plain_skip(__VA_ARGS__)

#define cr_assert(a, ...)        PLAIN_CHECK((a), true, #a, ##__VA_ARGS__)
#define cr_assert_not(a, ...)    PLAIN_CHECK(!(a), true, "!" #a, ##__VA_ARGS__)
#define cr_assert_eq(a, b, ...)  PLAIN_CHECK((a) == (b), true, #a " == " #b, ##__VA_ARGS__)
#define cr_assert_lt(a, b, ...)  PLAIN_CHECK((a) < (b), true, #a " < " #b, ##__VA_ARGS__)
#define cr_assert_gt(a, b, ...)  PLAIN_CHECK((a) > (b), true, #a " > " #b, ##__VA_ARGS__)
#define cr_assert_geq(a, b, ...) PLAIN_CHECK((a) >= (b), true, #a " >= " #b, ##__VA_ARGS__)
#define cr_assert_fail(...)      PLAIN_CHECK(false, true, "not to come here", ##__VA_ARGS__)

#define cr_expect_not(a, ...)    PLAIN_CHECK(!(a), false, "!" #a, ##__VA_ARGS__)
#define cr_expect_eq(a, b, ...)  PLAIN_CHECK((a) == (b), false, #a " == " #b, ##__VA_ARGS__)
#define cr_expect_lt(a, b, ...)  PLAIN_CHECK((a) < (b), false, #a " < " #b, ##__VA_ARGS__)
#define cr_expect_gt(a, b, ...)  PLAIN_CHECK((a) > (b), false, #a " > " #b, ##__VA_ARGS__)
#define cr_expect_geq(a, b, ...) PLAIN_CHECK((a) >= (b), false, #a " >= " #b, ##__VA_ARGS__)
