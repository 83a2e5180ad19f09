/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: patterns of channels. A list takes exactly what may be a pattern, and matches what a
 * second reading matches.
 *
 * Input: patterns on a line each up to an empty line, then names on a line each.
 */
#include "tests/fuzz/access_rules.h"
#include "tests/fuzz/target.h"

#include <errno.h>

#include "engine/base/pattern.h"

#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text rest = text_of_input(bytes, len), texts[LINES_MAX];
    size_t count = 0;
    bool good = true;
    while (rest.len > 0 && count < LINES_MAX) {
        struct text line = take_line(&rest);
        if (line.len == 0)
            break;
        CHECK(access_rules_is_pattern(line) == !pattern_fault(line));
        good &= access_rules_is_pattern(line);
        texts[count++] = line;
    }
    struct patterns *patterns = NULL;
    int r = patterns_new(texts, count, &patterns);
    CHECK(r == (good ? 0 : -EINVAL));
    if (r)
        return 0;
    CHECK(patterns_count(patterns) == count);
    for (size_t i = 0; i < count; i++)
        CHECK(text_equals(patterns_at(patterns, i), texts[i]));
    while (rest.len > 0) {
        struct text name = take_line(&rest);
        bool match = false;
        for (size_t i = 0; i < count; i++)
            match |= access_rules_match(texts[i], name);
        CHECK(patterns_match(patterns, name) == match);
    }
    patterns_free(patterns);
    return 0;
}
