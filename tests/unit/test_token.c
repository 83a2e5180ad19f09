/* SPDX-License-Identifier: MIT */
/*
 * Tokens: what one allows, and that every attack known on them is refused for its own reason.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "engine/limits.h"
#include "net/access/base64url.h"
#include "net/access/token.h"
#include "net/access/token_make.h"
#include "tests/unit/guard.h"
#include "tests/unit/token_keys.h"

#define NOW    1764252000 /* 27 November 2025 */
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define READS  "{\"fanfare\":{\"subscribe\":[\"*\"]}}"

static char error[512];

static struct key *key_of(enum algorithm algorithm, const char *text)
{
    struct key *key = NULL;
    cr_assert_eq(key_new_text(algorithm, text_of(text), PEM_EITHER, &key, error, sizeof(error)), 0,
                 "%s", error);
    return key;
}

static struct keys *keys_of(enum algorithm algorithm, const char *text)
{
    struct keys *keys = keys_new();
    cr_assert_eq(keys_add_key(keys, algorithm, text_of(text), error, sizeof(error)), 0, "%s",
                 error);
    return keys;
}

static char *sign(struct key *key, const char *header, struct text payload)
{
    char *token = NULL;
    cr_assert_eq(token_sign(key, text_of(header), payload, &token), 0);
    return token;
}

/* What is said of a token, read at the end of its memory. */
static int verify(const struct keys *keys, struct text token, struct grant **ret_grant)
{
    struct text guarded = guard_new(token);
    struct grant *grant = NULL;
    int r = token_verify(keys, guarded, NOW, &grant);
    guard_free(guarded);
    cr_expect_eq(r == 0, grant != NULL, "a grant is there exactly if the token is good");
    if (ret_grant)
        *ret_grant = grant;
    else
        grant_unref(grant);
    return r;
}

/* What is said of a header and a payload that are signed well. */
static int judge_text(const char *header, struct text payload)
{
    struct key *key = key_of(ALGORITHM_HS256, TEST_SECRET);
    struct keys *keys = keys_of(ALGORITHM_HS256, TEST_SECRET);
    char *token = sign(key, header, payload);
    int r = verify(keys, text_of(token), NULL);
    free(token);
    keys_unref(keys);
    key_unref(key);
    return r;
}

static int judge(const char *header, const char *payload)
{
    return judge_text(header, text_of(payload));
}

/* --- what a good one allows ---------------------------------------------------------------- */

Test(token, becomes_a_grant)
{
    struct key *key = key_of(ALGORITHM_ES256, TEST_P256_PRIVATE);
    struct keys *keys = keys_of(ALGORITHM_ES256, TEST_P256_PUBLIC);
    char *token = sign(key, "{\"alg\":\"ES256\",\"kid\":\"7\",\"jku\":\"http://x\",\"typ\":1}",
                       TEXT("{\"fanfare\":{\"subscribe\":[\"news\",\"user/42/*\"],"
                            "\"publish\":[\"user/42/typing\"],\"else\":1},\"sub\":\"42\","
                            "\"exp\":1764252001,\"nbf\":1764252000,\"iat\":\"x\",\"aud\":[1]}"));
    struct grant *grant;
    cr_assert_eq(verify(keys, text_of(token), &grant), 0);
    cr_expect(grant_may(grant, GRANT_SUBSCRIBE, TEXT("news")));
    cr_expect(grant_may(grant, GRANT_SUBSCRIBE, TEXT("user/42/typing")));
    cr_expect(grant_may(grant, GRANT_PUBLISH, TEXT("user/42/typing")));
    cr_expect(!grant_may(grant, GRANT_PUBLISH, TEXT("news")));
    cr_expect(!grant_may(grant, GRANT_SUBSCRIBE, TEXT("user/43/typing")));
    cr_expect_eq(grant_ends_at_s(grant), NOW + 1);
    cr_expect(text_equals(grant_sub(grant), TEXT("42")));
    grant_unref(grant);
    free(token);
    keys_unref(keys);
    key_unref(key);
}

Test(token, that_says_nothing_allows_nothing)
{
    static const char *const payloads[] = {"{}",
                                           "{\"fanfare\":null}",
                                           "{\"fanfare\":{}}",
                                           "{\"fanfare\":{\"subscribe\":null,\"publish\":[]}}",
                                           "{\"mercure\":{\"subscribe\":[\"*\"]}}",
                                           "{\"sub\":7}"};
    struct key *key = key_of(ALGORITHM_HS256, TEST_SECRET);
    struct keys *keys = keys_of(ALGORITHM_HS256, TEST_SECRET);
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        char *token = sign(key, HEADER, text_of(payloads[i]));
        struct grant *grant;
        cr_assert_eq(verify(keys, text_of(token), &grant), 0, "%s", payloads[i]);
        cr_expect(!grant_may(grant, GRANT_SUBSCRIBE, TEXT("a")));
        cr_expect(!grant_may(grant, GRANT_PUBLISH, TEXT("a")));
        cr_expect_eq(grant_ends_at_s(grant), GRANT_NEVER);
        cr_expect_eq(grant_sub(grant).len, 0);
        grant_unref(grant);
        free(token);
    }
    keys_unref(keys);
    key_unref(key);
}

Test(token, made_by_us_says_what_was_ordered)
{
    struct key *key = key_of(ALGORITHM_EDDSA, TEST_ED25519_PRIVATE);
    struct keys *keys = keys_of(ALGORITHM_EDDSA, TEST_ED25519_PUBLIC);
    const struct text read[] = {TEXT("a*"), TEXT("\"\\")}, write[] = {TEXT("caf\xc3\xa9")};
    struct token_order order = {.key = key,
                                .subscribe = read,
                                .subscribe_count = 2,
                                .publish = write,
                                .publish_count = 1,
                                .issued_at_s = NOW,
                                .ends_at_s = NOW + 60};
    char *token;
    struct grant *grant;
    cr_assert_eq(token_make(&order, &token), 0);
    cr_assert_eq(verify(keys, text_of(token), &grant), 0);
    cr_expect(grant_may(grant, GRANT_SUBSCRIBE, TEXT("abc")));
    cr_expect(grant_may(grant, GRANT_SUBSCRIBE, TEXT("\"\\")));
    cr_expect(grant_may(grant, GRANT_PUBLISH, TEXT("caf\xc3\xa9")));
    cr_expect_eq(grant_ends_at_s(grant), NOW + 60);
    grant_unref(grant);
    free(token);
    order.publish = &TEXT("\xff");
    cr_expect_eq(token_make(&order, &token), -EINVAL);
    order.publish_count = 0;
    order.ends_at_s = GRANT_NEVER;
    cr_assert_eq(token_make(&order, &token), 0);
    cr_assert_eq(verify(keys, text_of(token), &grant), 0);
    cr_expect_eq(grant_ends_at_s(grant), GRANT_NEVER);
    grant_unref(grant);
    free(token);
    keys_unref(keys);
    key_unref(key);
}

/* --- headers ------------------------------------------------------------------------------- */

Test(token, a_header_is_read_strictly)
{
    static const struct {
        int fault;
        const char *header;
    } rows[] = {
        {TOKEN_OK, "{\"alg\":\"HS256\"}"},
        {TOKEN_OK, " {\"kid\":\"x\",\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}} "},
        {TOKEN_ALGORITHM, "{\"alg\":\"none\"}"},
        {TOKEN_ALGORITHM, "{\"alg\":\"None\"}"},
        {TOKEN_ALGORITHM, "{\"alg\":\"hs256\"}"},
        {TOKEN_ALGORITHM, "{\"alg\":\"\"}"},
        {TOKEN_ALGORITHM, "{\"alg\":\"HS384\"}"},
        {TOKEN_ALGORITHM, "{\"alg\":\"RS256\"}"},
        {TOKEN_ALGORITHM, "{\"alg\":\"HS256 \"}"},
        {TOKEN_HEADER, "{\"alg\":\"HS256\\u0000\"}"},
        {TOKEN_HEADER, "{\"alg\":[\"HS256\"]}"},
        {TOKEN_HEADER, "{\"alg\":null}"},
        {TOKEN_HEADER, "{}"},
        {TOKEN_HEADER, "[]"},
        {TOKEN_HEADER, "\"HS256\""},
        {TOKEN_HEADER, ""},
        {TOKEN_HEADER, "{\"alg\":\"HS256\""},
        {TOKEN_HEADER, "{\"alg\":\"HS256\"}x"},
        {TOKEN_HEADER, "{\"alg\":\"HS256\",\"alg\":\"HS256\"}"},
        {TOKEN_HEADER, "{\"alg\":\"none\",\"alg\":\"HS256\"}"},
        {TOKEN_HEADER, "{\"alg\":\"HS256\",\"x\":{\"y\":1,\"y\":2}}"},
        {TOKEN_HEADER, "{\"alg\":\"HS256\",\"kid\":7}"},
        {TOKEN_HEADER, "{\"alg\":\"HS256\",\"typ\":\"\xff\"}"},
        {TOKEN_CRITICAL, "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}"},
        {TOKEN_CRITICAL, "{\"alg\":\"HS256\",\"crit\":[]}"},
        {TOKEN_CRITICAL, "{\"alg\":\"HS256\",\"crit\":null}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(judge(rows[i].header, READS), rows[i].fault, "%s", rows[i].header);
}

/* A header and READS with this signature. */
static int judge_unsigned(const char *header, const char *signature)
{
    char token[512];
    struct keys *keys = keys_of(ALGORITHM_HS256, TEST_SECRET);
    size_t len = base64url_encode((const unsigned char *)header, strlen(header), token);
    token[len++] = '.';
    len += base64url_encode((const unsigned char *)READS, strlen(READS), token + len);
    snprintf(token + len, sizeof(token) - len, ".%s", signature);
    int r = verify(keys, text_of(token), NULL);
    keys_unref(keys);
    return r;
}

Test(token, without_a_signature_is_refused)
{
    cr_expect_eq(judge_unsigned("{\"alg\":\"none\"}", ""), TOKEN_ALGORITHM);
    cr_expect_eq(judge_unsigned("{\"alg\":\"NONE\"}", ""), TOKEN_ALGORITHM);
    cr_expect_eq(judge_unsigned(HEADER, ""), TOKEN_SIGNATURE);
    cr_expect_eq(judge_unsigned(HEADER, "AAAA"), TOKEN_SIGNATURE);
    cr_expect_eq(judge_unsigned(HEADER, "AAAA.AAAA"), TOKEN_FORM, "a fourth part");
}

/* Signed with what is known of a public key, as if that were a secret. */
Test(token, a_public_key_signs_nothing)
{
    static const struct {
        enum algorithm algorithm;
        const char *text;
    } rows[] = {{ALGORITHM_RS256, TEST_RSA_PUBLIC},
                {ALGORITHM_ES256, TEST_P256_PUBLIC},
                {ALGORITHM_EDDSA, TEST_ED25519_PUBLIC}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keys *keys = keys_of(rows[i].algorithm, rows[i].text);
        struct key *secret = NULL;
        cr_assert_eq(key_new_secret(ALGORITHM_HS256, TEXT(""), text_of(rows[i].text), &secret,
                                    error, sizeof(error)),
                     0);
        char header[64];
        snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algorithm_name(rows[i].algorithm));
        char *confused = sign(secret, HEADER, TEXT(READS));
        char *lying = sign(secret, header, TEXT(READS));
        cr_expect_eq(verify(keys, text_of(confused), NULL), TOKEN_ALGORITHM);
        cr_expect_eq(verify(keys, text_of(lying), NULL), TOKEN_SIGNATURE);
        free(confused);
        free(lying);
        key_unref(secret);
        keys_unref(keys);
    }
}

/* --- which key ----------------------------------------------------------------------------- */

#define JWK(kid, letter)                                                                           \
    "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"" letter                                         \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"

static struct keys *keys_of_set(const char *json)
{
    struct keys *keys = keys_new();
    unsigned left_out;
    cr_assert_eq(keys_add_jwks(keys, KEYS_FILE, ALGORITHM_RS256, text_of(json), &left_out, error,
                               sizeof(error)),
                 0, "%s", error);
    return keys;
}

Test(token, a_kid_chooses_among_the_keys)
{
    struct keys *old_key = keys_of_set(JWK("old", "A")), *new_key = keys_of_set(JWK("new", "B"));
    struct keys *both = keys_new(), *file = keys_of(ALGORITHM_HS256, TEST_SECRET);
    cr_assert_eq(keys_add_all(both, old_key), 0);
    cr_assert_eq(keys_add_all(both, new_key), 0);
    struct key *signer = key_ref((struct key *)(uintptr_t)keys_at(new_key, 0));
    static const struct {
        int fault;
        const char *header;
    } rows[] = {{TOKEN_OK, "{\"alg\":\"HS256\",\"kid\":\"new\"}"},
                {TOKEN_OK, HEADER},
                {TOKEN_SIGNATURE, "{\"alg\":\"HS256\",\"kid\":\"old\"}"},
                {TOKEN_KEY, "{\"alg\":\"HS256\",\"kid\":\"other\"}"},
                {TOKEN_KEY, "{\"alg\":\"HS256\",\"kid\":\"\"}"},
                {TOKEN_ALGORITHM, "{\"alg\":\"HS512\",\"kid\":\"new\"}"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *token = sign(signer, rows[i].header, TEXT(READS));
        cr_expect_eq(verify(both, text_of(token), NULL), rows[i].fault, "%s", rows[i].header);
        cr_expect_eq(verify(old_key, text_of(token), NULL), i == 1   ? TOKEN_SIGNATURE
                                                            : i == 0 ? TOKEN_KEY
                                                            : i == 5 ? TOKEN_KEY
                                                                     : rows[i].fault);
        free(token);
    }
    key_unref(signer);
    /* A key from a file has no name, and is tried for all; then a kid nobody knows is no fault. */
    signer = key_of(ALGORITHM_HS256, TEST_SECRET);
    char *token = sign(signer, "{\"alg\":\"HS256\",\"kid\":\"other\"}", TEXT(READS));
    cr_expect_eq(verify(file, text_of(token), NULL), 0);
    cr_expect_eq(verify(both, text_of(token), NULL), TOKEN_KEY);
    cr_assert_eq(keys_add_all(both, file), 0);
    cr_expect_eq(verify(both, text_of(token), NULL), 0);
    free(token);
    key_unref(signer);
    keys_unref(old_key);
    keys_unref(new_key);
    keys_unref(both);
    keys_unref(file);
}

Test(token, is_tried_with_so_many_keys)
{
    struct keys *keys = keys_of(ALGORITHM_HS256, TEST_SECRET "not this one");
    for (unsigned i = 1; i < KEYS_TRIED_MAX; i++)
        cr_assert_eq(keys_add(keys, (struct key *)(uintptr_t)keys_at(keys, 0)), 0);
    struct key *key = key_of(ALGORITHM_HS256, TEST_SECRET);
    struct keys *named = keys_of_set(JWK("new", "B"));
    cr_assert_eq(keys_add(keys, key), 0);
    cr_assert_eq(keys_add_all(keys, named), 0);
    char *token = sign(key, HEADER, TEXT(READS));
    cr_expect_eq(verify(keys, text_of(token), NULL), TOKEN_SIGNATURE, "its key is one too far");
    free(token);
    token = sign((struct key *)(uintptr_t)keys_at(named, 0), "{\"alg\":\"HS256\",\"kid\":\"new\"}",
                 TEXT(READS));
    cr_expect_eq(verify(keys, text_of(token), NULL), TOKEN_OK, "the named key is tried first");
    free(token);
    key_unref(key);
    keys_unref(named);
    keys_unref(keys);
}

/* --- when ---------------------------------------------------------------------------------- */

Test(token, holds_from_its_beginning_to_its_end)
{
    static const struct {
        int fault;
        const char *payload;
    } rows[] = {
        {TOKEN_OK, "{\"exp\":1764252001}"},
        {TOKEN_OK, "{\"exp\":1764252000.242307}"},
        {TOKEN_EXPIRED, "{\"exp\":1764252000}"},
        {TOKEN_EXPIRED, "{\"exp\":1764251999.999}"},
        {TOKEN_EXPIRED, "{\"exp\":\"1764252000\"}"},
        {TOKEN_EXPIRED, "{\"exp\":0}"},
        {TOKEN_OK, "{\"nbf\":1764252000}"},
        {TOKEN_EARLY, "{\"nbf\":1764252001}"},
        {TOKEN_EARLY, "{\"nbf\":1764252000.000001}"},
        {TOKEN_EARLY, "{\"nbf\":\"1764252001\"}"},
        {TOKEN_EXPIRED, "{\"nbf\":1764252001,\"exp\":1764252000}"},
        {TOKEN_CLAIMS, "{\"exp\":1,\"exp\":9999999999}"},
        {TOKEN_TIME, "{\"exp\":null}"},
        {TOKEN_RIGHTS, "{\"exp\":0,\"fanfare\":7}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(judge(HEADER, rows[i].payload), rows[i].fault, "%s", rows[i].payload);
}

/* --- how much ------------------------------------------------------------------------------ */

Test(token, has_a_longest_length)
{
    struct keys *keys = keys_of(ALGORITHM_HS256, TEST_SECRET);
    struct key *key = key_of(ALGORITHM_HS256, TEST_SECRET);
    int seen[TOKEN_FAULTS] = {0};
    for (unsigned blanks = 6000; blanks < 6120; blanks++) {
        char payload[8192];
        memset(payload, ' ', blanks);
        memcpy(payload + blanks, READS, sizeof(READS));
        char *token = sign(key, HEADER, text_of(payload));
        int r = verify(keys, text_of(token), NULL);
        cr_expect_eq(r, strlen(token) > TOKEN_BYTES_MAX ? TOKEN_TOO_LONG : TOKEN_OK);
        seen[r]++;
        free(token);
    }
    cr_expect(seen[TOKEN_OK] > 0 && seen[TOKEN_TOO_LONG] > 0);
    key_unref(key);
    keys_unref(keys);
}

Test(token, depth_is_no_danger)
{
    char payload[6000];
    static const char *const units[] = {"[", "{\"a\":"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = 0;
        while (len + 8 < sizeof(payload))
            len += (size_t)snprintf(payload + len, sizeof(payload) - len, "%s", units[i]);
        cr_expect_eq(judge_text(HEADER, (struct text){payload, len}), TOKEN_CLAIMS);
        cr_expect_eq(judge(payload, READS), TOKEN_HEADER);
    }
    size_t len = (size_t)snprintf(payload, sizeof(payload), "{\"a\":");
    memset(payload + len, '[', 1000);
    memset(payload + len + 1000, ']', 1000);
    memcpy(payload + len + 2000, "}", 2);
    cr_expect_eq(judge(HEADER, payload), TOKEN_OK, "deep, and good");
}

Test(token, forms_that_are_none)
{
    static const char *const tokens[] = {"",
                                         ".",
                                         "..",
                                         "...",
                                         "a",
                                         "a.b",
                                         ". .",
                                         "a.b.c",
                                         "e30.e30.",
                                         "e30.e30.AA==",
                                         "e30.e30.A A",
                                         "Bearer e30.e30.AA",
                                         "e30.e30\n.AA",
                                         "e30.e30.AA\n",
                                         "e30..AA",
                                         ".e30.AA",
                                         "e30.e30.A+/A"};
    struct keys *keys = keys_of(ALGORITHM_HS256, TEST_SECRET);
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        int r = verify(keys, text_of(tokens[i]), NULL);
        cr_expect(r == TOKEN_FORM || r == TOKEN_HEADER, "%s: %d", tokens[i], r);
    }
    keys_unref(keys);
}

Test(token, cut_or_changed_anywhere_it_is_refused)
{
    struct key *key = key_of(ALGORITHM_ES256, TEST_P256_PRIVATE);
    struct keys *keys = keys_of(ALGORITHM_ES256, TEST_P256_PUBLIC);
    char *token = sign(key, "{\"alg\":\"ES256\"}", TEXT(READS));
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        cr_expect_gt(verify(keys, (struct text){token, i}, NULL), 0);
        for (unsigned bit = 0; bit < 8; bit++) {
            token[i] ^= (char)(1 << bit);
            cr_expect_gt(verify(keys, (struct text){token, len}, NULL), 0, "byte %zu", i);
            token[i] ^= (char)(1 << bit);
        }
    }
    cr_expect_eq(verify(keys, text_of(token), NULL), 0);
    free(token);
    keys_unref(keys);
    key_unref(key);
}

Test(token, each_reason_has_a_name_and_a_sentence)
{
    for (enum token_fault fault = TOKEN_OK; fault < TOKEN_FAULTS; fault++) {
        const char *name = token_fault_name(fault), *text = token_fault_text(fault);
        cr_expect(name && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
        cr_expect(text && !strchr(text, '\n') && text[strlen(text) - 1] != '.');
        for (enum token_fault other = TOKEN_OK; other < fault; other++)
            cr_expect(strcmp(name, token_fault_name(other)) != 0);
    }
}
