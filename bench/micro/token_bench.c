/* SPDX-License-Identifier: MIT */
/*
 * What it costs an acceptor to check a credential: tokens by algorithm, from text to grant; those
 * of strangers, who have no key; a list of tokens; and the check of one channel against a grant.
 *
 * The keys are those of the unit tests. A token has the claims that one usually has, some 300 bytes
 * in all.
 */
#include <time.h>

#include "bench/micro/benches.h"
#include "engine/limits.h"
#include "net/access/token.h"
#include "net/access/token_list.h"
#include "net/access/token_make.h"
#include "tests/unit/token_keys.h"

#define NOW   1764252000
#define TRIES 512

static const struct row {
    enum algorithm algorithm;
    const char *signer, *checker;
    double at_most; /* microseconds */
} rows[] = {
    {ALGORITHM_HS256, TEST_SECRET, TEST_SECRET, 30},
    {ALGORITHM_HS512, TEST_SECRET, TEST_SECRET, 0},
    {ALGORITHM_RS256, TEST_RSA_PRIVATE, TEST_RSA_PUBLIC, 0},
    {ALGORITHM_ES256, TEST_P256_PRIVATE, TEST_P256_PUBLIC, 150},
    {ALGORITHM_ES384, TEST_P384_PRIVATE, TEST_P384_PUBLIC, 0},
    {ALGORITHM_ES512, TEST_P521_PRIVATE, TEST_P521_PUBLIC, 0},
    {ALGORITHM_EDDSA, TEST_ED25519_PRIVATE, TEST_ED25519_PUBLIC, 150},
};

/* The thread's own time: nothing here waits, so what others do on the machine need not count. */
static int64_t cpu_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static char *make(const struct row *row, size_t patterns)
{
    struct text read[PATTERNS_MAX];
    struct key *key = NULL;
    char error[256], *token = NULL;
    for (size_t i = 0; i < patterns; i++)
        read[i] = i % 2 ? TEXT("a*b") : TEXT("user/42/*");
    int r =
        key_new_text(row->algorithm, text_of(row->signer), PEM_PRIVATE, &key, error, sizeof(error));
    CHECK(r == 0);
    r = token_make(&(struct token_order){.key = key,
                                         .subscribe = read,
                                         .subscribe_count = patterns,
                                         .issued_at_s = NOW,
                                         .ends_at_s = NOW + 3600},
                   &token);
    CHECK(r == 0);
    key_unref(key);
    return token;
}

static struct keys *checker_of(const struct row *row)
{
    char error[256];
    struct keys *keys = keys_new();
    CHECK(keys);
    int r = keys_add_key(keys, row->algorithm, text_of(row->checker), error, sizeof(error));
    CHECK(r == 0);
    return keys;
}

/* --- tokens -------------------------------------------------------------------------------- */

/* Microseconds for one token, which is judged so. */
static double verify_us(const struct keys *keys, struct text token, int fault)
{
    int64_t begin_ns = cpu_ns();
    for (unsigned i = 0; i < TRIES; i++) {
        struct grant *grant = NULL;
        int r = token_verify(keys, token, NOW, &grant);
        CHECK(r == fault);
        grant_unref(grant);
    }
    return (double)(cpu_ns() - begin_ns) / TRIES / 1000;
}

static void report_verify(struct report *report, const struct keys *keys, struct text token,
                          int fault, double at_most, const char *name)
{
    struct samples samples = {0};
    verify_us(keys, token, fault);
    for (unsigned repeat = 0; repeat < report->repeats; repeat++)
        samples_add(&samples, verify_us(keys, token, fault));
    report_add(report, &samples, &(struct result){.unit = "us per token", .at_most = at_most},
               "token.%s", name);
}

static void bench_algorithms(struct report *report)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keys *keys = checker_of(&rows[i]);
        char *token = make(&rows[i], 2);
        report_verify(report, keys, text_of(token), TOKEN_OK, rows[i].at_most,
                      algorithm_name(rows[i].algorithm));
        free(token);
        keys_unref(keys);
    }
}

/* Of the right form, with another one's signature: what is sent by whom tokens are not for. */
static void bench_forged(struct report *report)
{
    char name[32];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keys *keys = checker_of(&rows[i]);
        char *token = make(&rows[i], 2);
        char *first = strrchr(token, '.') + 5;
        *first = *first == 'A' ? 'B' : 'A';
        snprintf(name, sizeof(name), "forged.%s", algorithm_name(rows[i].algorithm));
        report_verify(report, keys, text_of(token), TOKEN_SIGNATURE, 0, name);
        free(token);
        keys_unref(keys);
    }
}

/* The costliest thing a stranger can send: as long as may be, and signed with nothing. */
static void bench_strangers(struct report *report)
{
    struct keys *keys = checker_of(&rows[0]);
    char *token = make(&rows[0], 500);
    token[strlen(token) - 2] ^= 1;
    report_verify(report, keys, text_of(token), TOKEN_SIGNATURE, 0, "stranger.long");
    report_verify(report, keys, TEXT("e30.e30.AA"), TOKEN_HEADER, 0, "stranger.short");
    free(token);
    keys_unref(keys);
}

/* --- lists and grants ---------------------------------------------------------------------- */

static double has_us(const struct token_list *list)
{
    static const char asked[] = "a token as `openssl rand -hex 32` makes it, of 64 bytes or more.";
    int64_t begin_ns = cpu_ns();
    for (unsigned i = 0; i < TRIES; i++)
        CHECK(!token_list_has(list, text_of(asked)));
    return (double)(cpu_ns() - begin_ns) / TRIES / 1000;
}

static void bench_list(struct report *report)
{
    static char text[2 * TOKEN_LIST_MAX];
    char error[256];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 ? '\n' : 'x';
    for (unsigned count = 1; count <= TOKEN_LIST_MAX; count *= TOKEN_LIST_MAX) {
        struct token_list *list = NULL;
        struct samples samples = {0};
        int r = token_list_new((struct text){text, 2 * (size_t)count}, &list, error, sizeof(error));
        CHECK(r == 0);
        has_us(list);
        for (unsigned repeat = 0; repeat < report->repeats; repeat++)
            samples_add(&samples, has_us(list));
        report_add(report, &samples, &(struct result){.unit = "us per token"}, "token.list.%u",
                   count);
        token_list_unref(list);
    }
}

static double may_ns(const struct grant *grant, struct text channel)
{
    int64_t begin_ns = cpu_ns();
    for (unsigned i = 0; i < TRIES; i++)
        CHECK(!grant_may(grant, GRANT_SUBSCRIBE, channel));
    return (double)(cpu_ns() - begin_ns) / TRIES;
}

/* A channel that none of them covers. `worst`: each is nearly matched at each byte. */
static void report_may(struct report *report, unsigned count, bool worst)
{
    static char name[CHANNEL_BYTES_MAX];
    struct text patterns[PATTERNS_MAX];
    struct grant *grant = NULL;
    struct samples samples = {0};
    memset(name, 'a', sizeof(name));
    for (unsigned i = 0; i < count; i++)
        patterns[i] = worst ? TEXT("*aaaaaaaab*") : TEXT("user/42/*");
    int r =
        grant_new(&(struct grant_options){.subscribe = patterns, .subscribe_count = count}, &grant);
    CHECK(r == 0);
    struct text channel = worst ? (struct text){name, sizeof(name)} : TEXT("user/43/inbox");
    may_ns(grant, channel);
    for (unsigned repeat = 0; repeat < report->repeats; repeat++)
        samples_add(&samples, may_ns(grant, channel));
    report_add(report, &samples, &(struct result){.unit = "ns per channel"}, "token.may.%u%s",
               count, worst ? ".worst" : "");
    grant_unref(grant);
}

void bench_token(struct report *report)
{
    bench_algorithms(report);
    bench_forged(report);
    bench_strangers(report);
    bench_list(report);
    report_may(report, 1, false);
    report_may(report, PATTERNS_MAX, false);
    report_may(report, PATTERNS_MAX, true);
}
