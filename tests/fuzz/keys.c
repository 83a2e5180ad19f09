/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: texts of keys. Whatever a file or a JWK set says, it becomes keys or one sentence
 * without a control character; no PEM is a secret; and a key that was taken fits its algorithm.
 *
 * Input: a digit for the algorithm (9: a JWK set; 8: one from a URL), then the text.
 */
#include "tests/fuzz/rules.h"
#include "tests/fuzz/target.h"

#include <errno.h>

#include "net/access/keys.h"

static void check_key(const struct key *key, bool secrets)
{
    enum algorithm algorithm = key_algorithm(key);
    size_t len = key_secret(key).len;
    bool is_hmac = algorithm <= ALGORITHM_HS512;
    CHECK(algorithm < ALGORITHM_COUNT && is_hmac == !key_pkey(key));
    CHECK(is_hmac ? len >= algorithm_digest_bits(algorithm) / 8 : len == 0);
    CHECK(!is_hmac || secrets);
}

static void check_sentence(const char *error, size_t size)
{
    size_t len = strnlen(error, size);
    CHECK(len > 0 && len < size && rules_is_text((struct text){error, len}) &&
          !rules_has_controls((struct text){error, len}));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text input = text_of_input(bytes, len);
    if (input.len == 0 || input.at[0] < '0' || input.at[0] > '9')
        return 0;
    unsigned digit = (unsigned)(input.at[0] - '0'), left_out = 0;
    struct text text = {input.at + 1, input.len - 1};
    char error[512] = "";
    struct keys *keys = keys_new();
    CHECK(keys);
    int r = digit >= 8 ? keys_add_jwks(keys, digit == 9 ? KEYS_FILE : KEYS_URL, ALGORITHM_RS256,
                                       text, &left_out, error, sizeof(error))
                       : keys_add_key(keys, (enum algorithm)digit, text, error, sizeof(error));
    CHECK(r == 0 || r == -EINVAL);
    CHECK((keys_count(keys) > 0) || r == -EINVAL);
    if (r == -EINVAL || left_out > 0)
        check_sentence(error, sizeof(error));
    CHECK(r || digit > 2 || !memmem(text.at, text.len, "-----BEGIN ", 11));
    for (unsigned i = 0; i < keys_count(keys); i++)
        check_key(keys_at(keys, i), digit != 8);
    keys_unref(keys);
    return 0;
}
