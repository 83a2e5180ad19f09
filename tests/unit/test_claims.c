/* SPDX-License-Identifier: MIT */
/* Claims: which payloads are taken, what a time may look like, and what becomes of it. */
#include <criterion/criterion.h>

#include "engine/limits.h"
#include "net/access/claims.h"
#include "tests/unit/guard.h"

#define NOW   1764252000 /* 27 November 2025 */
#define READS "{\"fanfare\":{\"subscribe\":[\"*\"]}}"

/* What is said of a payload at NOW, read at the end of its memory. */
static int judge(const char *payload)
{
    struct text guarded = guard_new(text_of(payload));
    struct claims claims;
    int r = claims_read(guarded, &claims);
    guard_free(guarded);
    if (r)
        return r;
    r = claims_hold(&claims, NOW);
    claims_deinit(&claims);
    return r;
}

Test(claims, claims_are_read_strictly)
{
    static const struct {
        int fault;
        const char *payload;
    } rows[] = {
        {TOKEN_OK, READS},
        {TOKEN_CLAIMS, ""},
        {TOKEN_CLAIMS, "[]"},
        {TOKEN_CLAIMS, "7"},
        {TOKEN_CLAIMS, "{\"a\":1,\"a\":2}"},
        {TOKEN_CLAIMS, "{\"fanfare\":{\"publish\":[],\"publish\":[\"*\"]}}"},
        {TOKEN_CLAIMS, "{\"exp\":1,\"exp\":9999999999}"},
        {TOKEN_CLAIMS, READS " x"},
        {TOKEN_CLAIMS, "{\"a\":\"\xff\"}"},
        {TOKEN_CLAIMS, "{\"fanfare\":{\"subscribe\":[\"a\\u0000b\"]}}"},
        {TOKEN_RIGHTS, "{\"fanfare\":[]}"},
        {TOKEN_RIGHTS, "{\"fanfare\":\"*\"}"},
        {TOKEN_RIGHTS, "{\"fanfare\":true}"},
        {TOKEN_RIGHTS, "{\"fanfare\":{\"subscribe\":\"*\"}}"},
        {TOKEN_RIGHTS, "{\"fanfare\":{\"subscribe\":{\"0\":\"*\"}}}"},
        {TOKEN_RIGHTS, "{\"fanfare\":{\"subscribe\":[\"*\",7]}}"},
        {TOKEN_RIGHTS, "{\"fanfare\":{\"subscribe\":[\"*\"],\"publish\":[[\"*\"]]}}"},
        {TOKEN_RIGHTS, "{\"fanfare\":{\"publish\":[\"\"]}}"},
        {TOKEN_RIGHTS, "{\"fanfare\":{\"publish\":[\"a\\nb\"]}}"},
        {TOKEN_RIGHTS, "{\"fanfare\":{\"publish\":[null]}}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(judge(rows[i].payload), rows[i].fault, "%s", rows[i].payload);
}

Test(claims, times_are_numbers)
{
    static const struct {
        int exp, nbf; /* what is said where the value stands there */
        const char *value;
    } rows[] = {
        {TOKEN_EXPIRED, TOKEN_OK, "1764251999"},
        {TOKEN_EXPIRED, TOKEN_OK, "1764252000"},
        {TOKEN_OK, TOKEN_EARLY, "1764252001"},
        {TOKEN_EXPIRED, TOKEN_OK, "1764251999.999"},
        {TOKEN_EXPIRED, TOKEN_OK, "1764252000.0"},
        {TOKEN_OK, TOKEN_EARLY, "1764252000.000001"},
        {TOKEN_OK, TOKEN_EARLY, "1764252000.242307"},
        {TOKEN_EXPIRED, TOKEN_OK, "\"1764252000\""},
        {TOKEN_OK, TOKEN_EARLY, "\"1764252001\""},
        {TOKEN_OK, TOKEN_EARLY, "\"1764252000.000001\""},
        {TOKEN_EXPIRED, TOKEN_OK, "\"1764252000.000\""},
        {TOKEN_EXPIRED, TOKEN_OK, "0"},
        {TOKEN_EXPIRED, TOKEN_OK, "-1"},
        {TOKEN_EXPIRED, TOKEN_OK, "\"-1.5\""},
        {TOKEN_EXPIRED, TOKEN_OK, "-1e300"},
        {TOKEN_OK, TOKEN_EARLY, "1e300"},
        {TOKEN_OK, TOKEN_EARLY, "9223372036854775807"},
        {TOKEN_OK, TOKEN_EARLY, "4102444800"},
        {TOKEN_CLAIMS, TOKEN_CLAIMS, "9223372036854775808"},
        {TOKEN_CLAIMS, TOKEN_CLAIMS, "1e999"},
        {TOKEN_CLAIMS, TOKEN_CLAIMS, "NaN"},
        {TOKEN_OK, TOKEN_EARLY, "\"2305843009213693951\""},
        {TOKEN_TIME, TOKEN_TIME, "\"2305843009213693952\""},
        {TOKEN_TIME, TOKEN_TIME, "\"2305843009213693959\""},
        {TOKEN_TIME, TOKEN_TIME, "null"},
        {TOKEN_TIME, TOKEN_TIME, "true"},
        {TOKEN_TIME, TOKEN_TIME, "[4102444800]"},
        {TOKEN_TIME, TOKEN_TIME, "{}"},
        {TOKEN_TIME, TOKEN_TIME, "\"\""},
        {TOKEN_TIME, TOKEN_TIME, "\"x\""},
        {TOKEN_TIME, TOKEN_TIME, "\"-\""},
        {TOKEN_TIME, TOKEN_TIME, "\".5\""},
        {TOKEN_TIME, TOKEN_TIME, "\"5.\""},
        {TOKEN_TIME, TOKEN_TIME, "\"+5\""},
        {TOKEN_TIME, TOKEN_TIME, "\" 4102444800\""},
        {TOKEN_TIME, TOKEN_TIME, "\"4102444800 \""},
        {TOKEN_TIME, TOKEN_TIME, "\"0x7fffffff\""},
        {TOKEN_TIME, TOKEN_TIME, "\"4e9\""},
        {TOKEN_TIME, TOKEN_TIME, "\"inf\""},
        {TOKEN_TIME, TOKEN_TIME, "\"never\""},
        {TOKEN_TIME, TOKEN_TIME, "\"99999999999999999999\""},
        {TOKEN_TIME, TOKEN_TIME, "\"1.5.5\""},
    };
    char payload[128];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(payload, sizeof(payload), "{\"exp\":%s}", rows[i].value);
        cr_expect_eq(judge(payload), rows[i].exp, "%s", payload);
        snprintf(payload, sizeof(payload), "{\"nbf\":%s}", rows[i].value);
        cr_expect_eq(judge(payload), rows[i].nbf, "%s", payload);
    }
}

Test(claims, an_end_is_rounded_up)
{
    static const struct {
        int64_t ends_at_s;
        const char *payload;
    } rows[] = {{NOW, "{\"exp\":1764252000}"},
                {NOW + 1, "{\"exp\":1764252000.25}"},
                {NOW + 1, "{\"exp\":\"1764252000.25\"}"},
                {-1, "{\"exp\":-1.5}"},
                {-1, "{\"exp\":\"-1.5\"}"},
                {GRANT_NEVER, "{}"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct claims claims;
        cr_assert_eq(claims_read(text_of(rows[i].payload), &claims), 0);
        cr_expect_eq(claims.ends_at_s, rows[i].ends_at_s, "%s", rows[i].payload);
        cr_expect_eq(grant_ends_at_s(claims.grant), rows[i].ends_at_s);
        claims_deinit(&claims);
    }
}

/* BEGIN, then `unit` so many times with commas between, then END. */
static char *repeated(const char *begin, const char *unit, unsigned count, const char *end)
{
    char *out = malloc(strlen(begin) + count * (strlen(unit) + 1) + strlen(end) + 1);
    char *at = stpcpy(out, begin);
    for (unsigned i = 0; i < count; i++)
        at = stpcpy(stpcpy(at, i ? "," : ""), unit);
    strcpy(at, end);
    return out;
}

Test(claims, may_have_so_many_patterns)
{
    char *most = repeated("{\"fanfare\":{\"publish\":[", "\"a\"", PATTERNS_MAX, "]}}");
    char *more = repeated("{\"fanfare\":{\"publish\":[", "\"a\"", PATTERNS_MAX + 1, "]}}");
    cr_expect_eq(judge(most), TOKEN_OK);
    cr_expect_eq(judge(more), TOKEN_RIGHTS);
    free(most);
    free(more);
}
