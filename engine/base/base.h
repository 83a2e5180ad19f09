/* SPDX-License-Identifier: MIT */
/* The few helpers every file may use, and nothing else. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A broken invariant: always checked, in release builds too. Never for bad input. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition);      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The same for hot loops: on in debug and test builds only. */
#ifdef FANFARE_DEBUG
#define DCHECK(condition) CHECK(condition)
#else
#define DCHECK(condition)                                                                          \
    do {                                                                                           \
        (void)sizeof(condition);                                                                   \
    } while (0)
#endif

#define MUST_USE __attribute__((warn_unused_result))

/* Hands over what a pointer owns: yields its value and leaves NULL behind. */
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

/* Borrowed bytes, not NUL-terminated. The owner is named where the text comes from. */
struct text {
    const char *at;
    size_t len;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
/* The same as an initialiser of static data. */
#define TEXT_INIT(literal)                                                                         \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static inline struct text text_of(const char *string)
{
    return (struct text){string, string ? strlen(string) : 0};
}

static inline int text_equals(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
