/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz target has: its one function, and a few helpers.
 *
 * A target is a function of its input alone: what it does at random (where it cuts, say) comes from
 * a generator seeded with the input, so a file that failed once fails for ever. It ends with
 * abort (CHECK) where a property does not hold, and with whatever the sanitizers do.
 *
 * The function is called by libFuzzer (tests/fuzz/run) or by replay.c (`./dev test fuzz`), on one
 * thread, with input that ends at the end of its memory.
 */
#pragma once

#include "engine/base/base.h"

/* The name is libFuzzer's. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* --- chance -------------------------------------------------------------------------------- */

struct chance {
    uint64_t state;
};

static inline uint64_t chance_next(struct chance *chance)
{
    uint64_t word = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

/* 0 to below - 1; `below` is at least 1. */
static inline size_t chance_below(struct chance *chance, size_t below)
{
    return (size_t)(chance_next(chance) % below);
}

static inline struct chance chance_of(struct text text)
{
    uint64_t state = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.len; i++)
        state = (state ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
    return (struct chance){state};
}

/* --- text ---------------------------------------------------------------------------------- */

/* Called once for each input. */
struct text text_of_input(const uint8_t *bytes, size_t len);

/* Takes a line off, without its LF; the last one may lack it. */
static inline struct text take_line(struct text *rest)
{
    const char *lf = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
    struct text line = {rest->at, lf ? (size_t)(lf - rest->at) : rest->len};
    size_t taken = line.len + (lf != NULL);
    *rest = (struct text){rest->at + taken, rest->len - taken};
    return line;
}

/* As a string, to be freed. Not by strndup: a sanitizer's own looks for a NUL behind the input. */
static inline char *c_string_of(struct text text)
{
    char *string = malloc(text.len + 1);
    CHECK(string);
    if (text.len)
        memcpy(string, text.at, text.len);
    string[text.len] = '\0';
    return string;
}

/* A growing record of what happened, to compare two ways of doing the same. */
struct record {
    char *at;
    size_t len, size;
};

static inline void record_add(struct record *record, const void *bytes, size_t len)
{
    if (record->size - record->len < len) {
        record->size = (record->len + len) * 2;
        record->at = realloc(record->at, record->size);
        CHECK(record->at);
    }
    if (len)
        memcpy(record->at + record->len, bytes, len);
    record->len += len;
}

static inline void record_number(struct record *record, uint64_t number)
{
    record_add(record, &number, sizeof(number));
}

static inline void record_text(struct record *record, struct text text)
{
    record_number(record, text.len);
    record_add(record, text.at, text.len);
}

static inline struct text text_of_record(const struct record *record)
{
    return (struct text){record->at, record->len};
}
