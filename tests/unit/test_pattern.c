/* SPDX-License-Identifier: MIT */
/* Patterns of channels and grants: what matches, what is refused, and that it is linear. */
#include <criterion/criterion.h>

#include <errno.h>

#include "engine/limits.h"
#include "net/access/grant.h"
#include "engine/base/pattern.h"

static bool matches(const char *pattern, const char *name)
{
    struct text text = text_of(pattern);
    struct patterns *patterns = NULL;
    cr_assert_eq(patterns_new(&text, 1, &patterns), 0, "%s", pattern);
    bool matched = patterns_match(patterns, text_of(name));
    patterns_free(patterns);
    return matched;
}

Test(pattern, a_star_is_any_run_of_bytes)
{
    static const struct {
        bool matches;
        const char *pattern, *name;
    } rows[] = {
        {true, "news", "news"},
        {false, "news", "new"},
        {false, "news", "newss"},
        {false, "news", "News"},
        {false, "a.c", "abc"},
        {false, "a?c", "abc"},
        {false, "[ab]", "a"},
        {true, "*", "x"},
        {true, "**", "x/y"},
        {true, "user/42/*", "user/42/"},
        {true, "user/42/*", "user/42/a/b"},
        {false, "user/42/*", "user/42"},
        {false, "user/42/*", "user/421/a"},
        {true, "*/private", "a/b/private"},
        {false, "*/private", "a/private/b"},
        {true, "a*b*c", "abc"},
        {true, "a*b*c", "a-b-b-c"},
        {false, "a*b*c", "acb"},
        {false, "a*b*c", "ac"},
        {false, "aa*aa", "aaa"},
        {true, "aa*aa", "aaaa"},
        {true, "*aab*", "aaab"},
        {true, "*abab*abac", "ababababac"},
        {false, "*abab*abac", "ababac"},
        {true, "*a*a*a", "aaa"},
        {false, "*a*a*a", "aa"},
        {true, "*b*", "abc"},
        {false, "*d*", "abc"},
        {true, "a*", "a*"},
        {true, "https://example.com/*", "https://example.com/books/1"},
        {true, "caf\xc3\xa9/*", "caf\xc3\xa9/1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(matches(rows[i].pattern, rows[i].name), rows[i].matches, "\"%s\" and \"%s\"",
                     rows[i].pattern, rows[i].name);
}

/* The plain definition, exponential: for short texts. */
static bool means(const char *pattern, const char *name)
{
    if (*pattern == '*')
        return means(pattern + 1, name) || (*name && means(pattern, name + 1));
    return *pattern == *name && (*pattern == '\0' || means(pattern + 1, name + 1));
}

/* The number's digits in base 3 as letters; as many as `len`. */
static void spell(unsigned number, unsigned len, const char *letters, char *out)
{
    for (unsigned i = 0; i < len; i++, number /= 3)
        out[i] = letters[number % 3];
    out[len] = '\0';
}

Test(pattern, all_short_texts_match_as_defined)
{
    static const unsigned powers[] = {1, 3, 9, 27, 81, 243, 729};
    char pattern[8], name[8];
    for (unsigned len = 1; len <= 5; len++)
        for (unsigned i = 0; i < powers[len]; i++) {
            spell(i, len, "ab*", pattern);
            struct text text = text_of(pattern);
            struct patterns *patterns = NULL;
            cr_assert_eq(patterns_new(&text, 1, &patterns), 0);
            for (unsigned j = 0; j < powers[6]; j++) {
                spell(j, 1 + j % 6, "aab", name);
                cr_assert_eq(patterns_match(patterns, text_of(name)), means(pattern, name),
                             "\"%s\" and \"%s\"", pattern, name);
            }
            patterns_free(patterns);
        }
}

Test(pattern, what_no_channel_could_have_is_refused)
{
    char lengthy[CHANNEL_BYTES_MAX + 2];
    memset(lengthy, '*', sizeof(lengthy) - 1);
    lengthy[CHANNEL_BYTES_MAX] = '\0';
    cr_expect_null(pattern_fault(text_of(lengthy)));
    cr_expect(matches(lengthy, "x"));
    lengthy[CHANNEL_BYTES_MAX] = '*';
    lengthy[CHANNEL_BYTES_MAX + 1] = '\0';
    cr_expect(pattern_fault(text_of(lengthy)));
    cr_expect(pattern_fault(TEXT("")));
    cr_expect(pattern_fault(TEXT("a\nb")));
    cr_expect(pattern_fault(TEXT("a\0b")));
    cr_expect(pattern_fault(TEXT("a\x7f")));
    struct patterns *patterns = NULL;
    cr_expect_eq(patterns_new(&TEXT(""), 1, &patterns), -EINVAL);
    static struct text many[PATTERNS_MAX + 1];
    for (unsigned i = 0; i <= PATTERNS_MAX; i++)
        many[i] = TEXT("a");
    cr_expect_eq(patterns_new(many, PATTERNS_MAX + 1, &patterns), -EINVAL);
    cr_expect_eq(patterns_new(many, PATTERNS_MAX, &patterns), 0);
    patterns_free(patterns);
}

Test(pattern, a_list_matches_what_one_of_it_does)
{
    const struct text texts[] = {TEXT("news"), TEXT("jobs-*"), TEXT("*.log")};
    struct patterns *patterns = NULL;
    cr_assert_eq(patterns_new(texts, 3, &patterns), 0);
    cr_expect(patterns_match(patterns, TEXT("news")));
    cr_expect(patterns_match(patterns, TEXT("jobs-1")));
    cr_expect(patterns_match(patterns, TEXT("a.log")));
    cr_expect(!patterns_match(patterns, TEXT("other")));
    cr_expect(!patterns_match(patterns, TEXT("")));
    cr_expect_eq(patterns_count(patterns), 3);
    cr_expect(text_equals(patterns_at(patterns, 1), TEXT("jobs-*")));
    patterns_free(patterns);
    cr_expect(!patterns_match(NULL, TEXT("news")));
    cr_assert_eq(patterns_new(NULL, 0, &patterns), 0);
    cr_expect(!patterns_match(patterns, TEXT("news")));
    patterns_free(patterns);
}

Test(grant, says_what_it_covers)
{
    const struct text read[] = {TEXT("a"), TEXT("b/*")}, write[] = {TEXT("b/1")};
    struct grant *grant = NULL;
    cr_assert_eq(grant_new(&(struct grant_options){.subscribe = read,
                                                   .subscribe_count = 2,
                                                   .publish = write,
                                                   .publish_count = 1,
                                                   .ends_at_s = 17,
                                                   .sub = TEXT("somebody")},
                           &grant),
                 0);
    cr_expect(grant_may(grant, GRANT_SUBSCRIBE, TEXT("a")));
    cr_expect(grant_may(grant, GRANT_SUBSCRIBE, TEXT("b/2")));
    cr_expect(!grant_may(grant, GRANT_SUBSCRIBE, TEXT("c")));
    cr_expect(grant_may(grant, GRANT_PUBLISH, TEXT("b/1")));
    cr_expect(!grant_may(grant, GRANT_PUBLISH, TEXT("a")));
    cr_expect(!grant_may(NULL, GRANT_SUBSCRIBE, TEXT("a")));
    cr_expect_eq(grant_ends_at_s(grant), 17);
    cr_expect(text_equals(grant_sub(grant), TEXT("somebody")));
    cr_expect_gt(grant_memory(grant), 8);
    struct grant *other = grant_ref(grant);
    cr_expect_null(grant_unref(grant));
    cr_expect(grant_may(other, GRANT_SUBSCRIBE, TEXT("a")));
    grant_unref(other);
    cr_expect_eq(
        grant_new(&(struct grant_options){.publish = &TEXT(""), .publish_count = 1}, &grant),
        -EINVAL);
}
