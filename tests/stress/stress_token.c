/* SPDX-License-Identifier: MIT */
/*
 * Tokens under many threads that share their keys, and grants that pass from thread to thread: each
 * token is judged as it is, whoever else checks one with the same key, and a grant is whole in
 * whosever hands it is and goes with the last of them.
 *
 * Runs under ThreadSanitizer: what a grant holds must be ordered by its own count.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/access/token.h"
#include "net/access/token_make.h"
#include "tests/e2e/check.h"
#include "tests/unit/token_keys.h"

#define NOW     1764252000
#define THREADS 4u

static const struct {
    enum algorithm algorithm;
    const char *signer, *checker;
} rows[] = {
    {ALGORITHM_HS256, TEST_SECRET, TEST_SECRET},
    {ALGORITHM_RS256, TEST_RSA_PRIVATE, TEST_RSA_PUBLIC},
    {ALGORITHM_ES256, TEST_P256_PRIVATE, TEST_P256_PUBLIC},
    {ALGORITHM_EDDSA, TEST_ED25519_PRIVATE, TEST_ED25519_PUBLIC},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static char *tokens[ROWS];
static unsigned rounds;
/* A grant that some thread left for the next one that comes, with its reference. */
static _Atomic(struct grant *) left;

static void make_all(struct keys *keys)
{
    char error[256];
    for (size_t i = 0; i < ROWS; i++) {
        struct key *key = NULL;
        int r = key_new_text(rows[i].algorithm, text_of(rows[i].signer), PEM_PRIVATE, &key, error,
                             sizeof(error));
        REQUIRE(r == 0, "%s", error);
        r = token_make(&(struct token_order){.key = key,
                                             .publish = &TEXT("a/*"),
                                             .publish_count = 1,
                                             .issued_at_s = NOW,
                                             .ends_at_s = NOW + 60},
                       &tokens[i]);
        REQUIRE(r == 0, "token_make: %d", r);
        r = keys_add_key(keys, rows[i].algorithm, text_of(rows[i].checker), error, sizeof(error));
        REQUIRE(r == 0, "%s", error);
        key_unref(key);
    }
}

/* Gives it to whoever comes next, and looks at what the last one left. */
static void pass_on(struct grant *grant)
{
    struct grant *found = atomic_exchange_explicit(&left, grant, memory_order_acq_rel);
    if (found)
        REQUIRE(grant_may(found, GRANT_PUBLISH, TEXT("a/b")) &&
                    !grant_may(found, GRANT_SUBSCRIBE, TEXT("a/b")) &&
                    grant_ends_at_s(found) == NOW + 60,
                "a grant is not what its token said");
    grant_unref(found);
}

static void *run(void *argument)
{
    struct keys *keys = argument; /* with a reference */
    for (unsigned i = 0; i < rounds; i++) {
        char *token = tokens[i % ROWS], changed[1024];
        struct grant *grant = NULL;
        int r = token_verify(keys, text_of(token), NOW, &grant);
        REQUIRE(r == TOKEN_OK, "a good token: %s", token_fault_name((enum token_fault)r));
        pass_on(grant_ref(grant));
        grant_unref(grant);
        size_t len = strlen(token);
        memcpy(changed, token, len);
        changed[len - 3] ^= 1; /* of the signature */
        r = token_verify(keys, (struct text){changed, len}, NOW, &grant);
        REQUIRE(r == TOKEN_SIGNATURE || r == TOKEN_FORM, "a changed token: %d", r);
    }
    keys_unref(keys);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    struct keys *keys = keys_new();
    rounds = CHECK_SANITIZED ? 200 : 1000;
    REQUIRE(keys, "out of memory");
    make_all(keys);
    for (unsigned i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, run, keys_ref(keys)) == 0, "no thread");
    keys_unref(keys); /* the threads' own references keep them */
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pass_on(NULL);
    for (size_t i = 0; i < ROWS; i++)
        free(tokens[i]);
    printf("ok token: %u tokens by each of %u threads\n", 2 * rounds, THREADS);
    return check_end();
}
