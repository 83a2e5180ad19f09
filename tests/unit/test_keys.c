/* SPDX-License-Identifier: MIT */
/* Keys: which files and JWKs are taken, for what, and which are refused with which sentence. */
#include <criterion/criterion.h>

#include <errno.h>
#include <unistd.h>

#include "engine/limits.h"
#include "net/access/keys.h"
#include "net/access/secret_file.h"
#include "net/access/signature.h"
#include "tests/unit/token_keys.h"

static char error[512];

static int add(enum algorithm algorithm, struct text text)
{
    struct keys *keys = keys_new();
    cr_assert(keys);
    error[0] = '\0';
    int r = keys_add_key(keys, algorithm, text, error, sizeof(error));
    cr_expect_eq(keys_count(keys), r == 0);
    keys_unref(keys);
    return r;
}

static void expect_refused(enum algorithm algorithm, struct text text, const char *said)
{
    cr_expect_eq(add(algorithm, text), -EINVAL, "%s", said);
    cr_expect(strstr(error, said) && !strchr(error, '\n'), "wanted \"%s\", got \"%s\"", said,
              error);
}

Test(keys, each_algorithm_takes_its_kind_of_file)
{
    static const struct {
        enum algorithm algorithm;
        const char *text;
    } rows[] = {
        {ALGORITHM_HS256, TEST_SECRET},
        {ALGORITHM_HS384, TEST_SECRET},
        {ALGORITHM_HS512, TEST_SECRET},
        {ALGORITHM_RS256, TEST_RSA_PUBLIC},
        {ALGORITHM_RS384, TEST_RSA_PUBLIC},
        {ALGORITHM_RS512, TEST_RSA_PUBLIC_PKCS1},
        {ALGORITHM_ES256, TEST_P256_PUBLIC},
        {ALGORITHM_ES256, TEST_P256_CERTIFICATE},
        {ALGORITHM_ES384, TEST_P384_PUBLIC},
        {ALGORITHM_ES512, TEST_P521_PUBLIC},
        {ALGORITHM_EDDSA, TEST_ED25519_PUBLIC},
        {ALGORITHM_ES256, "a line in front\r\n" TEST_P256_PUBLIC "and one behind"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(add(rows[i].algorithm, text_of(rows[i].text)), 0, "%zu: %s", i, error);
}

Test(keys, a_public_text_is_never_a_secret)
{
    static const char *const pems[] = {
        TEST_RSA_PUBLIC,  TEST_RSA_PUBLIC_PKCS1, TEST_P256_PUBLIC, TEST_P256_CERTIFICATE,
        TEST_P521_PUBLIC, TEST_ED25519_PUBLIC,   TEST_RSA_PRIVATE, "x\n-----BEGIN ANYTHING-----\n"};
    for (enum algorithm at = ALGORITHM_HS256; at <= ALGORITHM_HS512; at++)
        for (size_t i = 0; i < sizeof(pems) / sizeof(pems[0]); i++)
            expect_refused(at, text_of(pems[i]), "never the secret");
    expect_refused(ALGORITHM_HS256, TEXT(TEST_P384_PUBLIC), "as its algorithm give ES384");
    expect_refused(ALGORITHM_HS256, TEXT(TEST_RSA_PUBLIC), "give RS256, RS384 or RS512");
    expect_refused(ALGORITHM_HS256,
                   TEXT(" {\"keys\": [{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"x\"}]}"),
                   "JWKS");
    expect_refused(ALGORITHM_HS256,
                   TEXT("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtC8FE1QscuEqluE3GwAuvDDEOv5a/6 a@b"),
                   "SSH");
    /* TEST_ED25519_PUBLIC in DER. */
    expect_refused(ALGORITHM_HS256,
                   TEXT("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00\x3b\x42\xf0\x51\x35\x42"
                        "\xc7\x2e\x12\xa9\x6e\x13\x71\xb0\x02\xeb\xc3\x0c\x43\xaf\xe5\xaf\xfa\xbc"
                        "\xf8\xa5\x98\x96\xd9\x06\xa1\x1c"),
                   "DER");
}

Test(keys, a_secret_is_as_long_as_its_digest_or_longer)
{
    static const struct {
        enum algorithm algorithm;
        size_t bytes_min;
    } rows[] = {{ALGORITHM_HS256, 32}, {ALGORITHM_HS384, 48}, {ALGORITHM_HS512, 64}};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(add(rows[i].algorithm, (struct text){TEST_SECRET, rows[i].bytes_min}), 0);
        expect_refused(rows[i].algorithm, (struct text){TEST_SECRET, rows[i].bytes_min - 1},
                       "7518");
    }
    /* Counted without the line end. */
    expect_refused(ALGORITHM_HS256, TEXT("0123456789abcdef0123456789abcde\r\n"), "31 bytes");
    expect_refused(ALGORITHM_HS256, TEXT(""), "0 bytes");
    cr_expect(!strstr(error, "0123"), "nothing of a secret is said");
}

static struct key *key_of(enum algorithm algorithm, const char *text)
{
    struct key *key = NULL;
    cr_assert_eq(key_new_text(algorithm, text_of(text), PEM_EITHER, &key, error, sizeof(error)), 0,
                 "%s", error);
    return key;
}

Test(keys, one_line_end_is_not_part_of_a_secret)
{
    static const char *const ends[] = {"", "\n", "\r\n"};
    for (size_t i = 0; i < 3; i++) {
        char text[128];
        snprintf(text, sizeof(text), "%s%s", TEST_SECRET, ends[i]);
        struct key *key = key_of(ALGORITHM_HS256, text);
        cr_expect(text_equals(key_secret(key), TEXT(TEST_SECRET)));
        key_unref(key);
    }
    struct key *key = key_of(ALGORITHM_HS256, TEST_SECRET " \n\n");
    cr_expect(text_equals(key_secret(key), TEXT(TEST_SECRET " \n")));
    key_unref(key);
    key = key_of(ALGORITHM_HS256, TEST_SECRET "\r");
    cr_expect(text_equals(key_secret(key), TEXT(TEST_SECRET "\r")));
    key_unref(key);
}

Test(keys, a_key_for_something_else_is_refused)
{
    static const struct {
        enum algorithm algorithm;
        const char *text, *said;
    } rows[] = {
        {ALGORITHM_ES256, TEST_RSA_PUBLIC, "RS256 and its kin, not for ES256"},
        {ALGORITHM_RS256, TEST_P256_PUBLIC, "for ES256, not for RS256"},
        {ALGORITHM_ES256, TEST_P384_PUBLIC, "for ES384, not for ES256"},
        {ALGORITHM_EDDSA, TEST_P256_PUBLIC, "for ES256, not for EdDSA"},
        {ALGORITHM_ES256, TEST_K1_PUBLIC, "no algorithm here"},
        {ALGORITHM_RS256, TEST_RSA_1024_PUBLIC, "1024 bits; 2048 to 8192"},
        {ALGORITHM_RS256, TEST_RSA_PRIVATE, "private key"},
        {ALGORITHM_ES256, TEST_P256_PRIVATE_SEC1, "private key"},
        {ALGORITHM_RS256, TEST_SECRET, "not PEM"},
        {ALGORITHM_RS256, "", "not PEM"},
        {ALGORITHM_ES256, TEST_P256_PUBLIC TEST_P256_PUBLIC, "2 blocks"},
        {ALGORITHM_ES256, "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
         "damaged"},
        {ALGORITHM_ES256, "-----BEGIN PUBLIC KEY", "damaged"},
        {ALGORITHM_ES256, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         "damaged"},
        {ALGORITHM_ES256, "-----BEGIN DH PARAMETERS-----\n", "neither a key"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_refused(rows[i].algorithm, text_of(rows[i].text), rows[i].said);
}

Test(keys, nobody_is_asked_for_a_password)
{
    struct key *key = NULL;
    cr_expect_eq(key_new_text(ALGORITHM_ES256, TEXT(TEST_P256_PRIVATE_PASSWORD), PEM_PRIVATE, &key,
                              error, sizeof(error)),
                 -EINVAL);
    cr_expect(strstr(error, "password"), "%s", error);
}

Test(keys, every_private_key_signs_for_its_public_one)
{
    static const struct {
        enum algorithm algorithm;
        const char *private_text, *public_text;
    } rows[] = {
        {ALGORITHM_HS256, TEST_SECRET, TEST_SECRET},
        {ALGORITHM_RS256, TEST_RSA_PRIVATE, TEST_RSA_PUBLIC},
        {ALGORITHM_RS384, TEST_RSA_PRIVATE, TEST_RSA_PUBLIC_PKCS1},
        {ALGORITHM_RS512, TEST_RSA_PRIVATE, TEST_RSA_PUBLIC},
        {ALGORITHM_ES256, TEST_P256_PRIVATE, TEST_P256_CERTIFICATE},
        {ALGORITHM_ES256, TEST_P256_PRIVATE_SEC1, TEST_P256_PUBLIC},
        {ALGORITHM_ES384, TEST_P384_PRIVATE, TEST_P384_PUBLIC},
        {ALGORITHM_ES512, TEST_P521_PRIVATE, TEST_P521_PUBLIC},
        {ALGORITHM_EDDSA, TEST_ED25519_PRIVATE, TEST_ED25519_PUBLIC},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key *signer = key_of(rows[i].algorithm, rows[i].private_text);
        struct key *checker = key_of(rows[i].algorithm, rows[i].public_text);
        unsigned char bytes[SIGNATURE_BYTES_MAX];
        size_t len = 0;
        cr_assert_eq(signature_make(signer, TEXT("said"), bytes, &len), 0);
        struct text signature = {(char *)bytes, len};
        cr_expect_eq(signature_check(checker, TEXT("said"), signature), 1, "%zu", i);
        cr_expect_eq(signature_check(checker, TEXT("sain"), signature), 0, "%zu", i);
        cr_expect_eq(signature_check(checker, TEXT("said"), TEXT("")), 0, "%zu", i);
        bytes[len] = 0;
        signature.len = len + 1;
        cr_expect_eq(signature_check(checker, TEXT("said"), signature), 0, "%zu, longer", i);
        signature.len = len - 1;
        cr_expect_eq(signature_check(checker, TEXT("said"), signature), 0, "%zu, shorter", i);
        key_unref(signer);
        key_unref(checker);
    }
}

Test(keys, zeros_are_no_signature)
{
    static const char zeros[512];
    static const struct {
        enum algorithm algorithm;
        const char *text;
        size_t len;
    } rows[] = {{ALGORITHM_ES256, TEST_P256_PUBLIC, 64},
                {ALGORITHM_ES384, TEST_P384_PUBLIC, 96},
                {ALGORITHM_ES512, TEST_P521_PUBLIC, 132},
                {ALGORITHM_EDDSA, TEST_ED25519_PUBLIC, 64},
                {ALGORITHM_RS256, TEST_RSA_PUBLIC, 256}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key *key = key_of(rows[i].algorithm, rows[i].text);
        cr_expect_eq(signature_check(key, TEXT("said"), (struct text){zeros, rows[i].len}), 0);
        key_unref(key);
    }
}

/* --- JWK sets ------------------------------------------------------------------------------ */

/* The examples of RFC 7517 A.1, and of RFC 8037 A.2. */
#define EC_NUMBERS                                                                                 \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","      \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define RSA_NUMBERS                                                                                \
    "\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1R" \
    "K7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h"  \
    "4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNL"  \
    "yrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw" \
    "\",\"e\":\"AQAB\""
#define ED_NUMBERS                                                                                 \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define SECRET_NUMBERS "\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\""

static int add_set(struct keys *keys, enum keys_origin origin, const char *json, unsigned *left_out)
{
    error[0] = '\0';
    return keys_add_jwks(keys, origin, ALGORITHM_RS384, text_of(json), left_out, error,
                         sizeof(error));
}

Test(keys, each_jwk_is_for_one_algorithm)
{
    static const struct {
        enum algorithm algorithm; /* ALGORITHM_COUNT: it is left out */
        const char *jwk;
    } rows[] = {
        {ALGORITHM_ES256, EC_NUMBERS},
        {ALGORITHM_ES256, EC_NUMBERS ",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"1\""},
        {ALGORITHM_RS384, RSA_NUMBERS},
        {ALGORITHM_RS256, RSA_NUMBERS ",\"alg\":\"RS256\",\"kid\":\"2011-04-29\""},
        {ALGORITHM_RS512, RSA_NUMBERS ",\"alg\":\"RS512\",\"key_ops\":[\"verify\"]"},
        {ALGORITHM_EDDSA, ED_NUMBERS},
        {ALGORITHM_EDDSA, ED_NUMBERS ",\"alg\":\"Ed25519\""},
        {ALGORITHM_HS256, SECRET_NUMBERS},
        {ALGORITHM_COUNT, SECRET_NUMBERS ",\"alg\":\"HS384\""},
        {ALGORITHM_COUNT, RSA_NUMBERS ",\"alg\":\"HS256\""},
        {ALGORITHM_COUNT, RSA_NUMBERS ",\"alg\":\"none\""},
        {ALGORITHM_COUNT, RSA_NUMBERS ",\"alg\":\"PS256\""},
        {ALGORITHM_COUNT, RSA_NUMBERS ",\"alg\":\"RSA-OAEP\""},
        {ALGORITHM_COUNT, RSA_NUMBERS ",\"alg\":256"},
        {ALGORITHM_COUNT, RSA_NUMBERS ",\"use\":\"enc\""},
        {ALGORITHM_COUNT, RSA_NUMBERS ",\"key_ops\":[\"encrypt\"]"},
        {ALGORITHM_COUNT, RSA_NUMBERS ",\"kid\":7"},
        {ALGORITHM_COUNT, EC_NUMBERS ",\"alg\":\"ES384\""},
        {ALGORITHM_COUNT, ED_NUMBERS ",\"alg\":\"ES256\""},
        {ALGORITHM_COUNT, "\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\""},
        {ALGORITHM_COUNT, "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\""},
        /* A point that is not on the curve: x of the example, and x again. */
        {ALGORITHM_COUNT, "\"kty\":\"EC\",\"crv\":\"P-256\","
                          "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
                          "\"y\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\""},
        {ALGORITHM_COUNT, "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs35\""},
        {ALGORITHM_COUNT, "\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AA\""},
        {ALGORITHM_COUNT, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\""},
        {ALGORITHM_COUNT, "\"kty\":\"RSA\",\"n\":\"3Q\",\"e\":\"AQAB\""},
        {ALGORITHM_COUNT, "\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQ\""},
        {ALGORITHM_COUNT, "\"kty\":\"oct\",\"k\":\"AA\""},
        {ALGORITHM_COUNT, "\"kty\":\"oct\""},
        {ALGORITHM_COUNT, "\"kty\":\"else\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keys *keys = keys_new();
        char json[2048];
        unsigned left_out = 9;
        snprintf(json, sizeof(json), "{\"keys\":[{%s},{" EC_NUMBERS "}]}", rows[i].jwk);
        cr_assert_eq(add_set(keys, KEYS_FILE, json, &left_out), 0, "%s", error);
        bool taken = rows[i].algorithm != ALGORITHM_COUNT;
        cr_expect_eq(keys_count(keys), 1 + taken, "%s: %s", rows[i].jwk, error);
        cr_expect_eq(left_out, !taken);
        cr_expect_eq(error[0] != '\0', !taken);
        if (taken)
            cr_expect_eq(key_algorithm(keys_at(keys, 0)), rows[i].algorithm, "%s", rows[i].jwk);
        keys_unref(keys);
    }
}

Test(keys, a_set_that_is_none_is_refused)
{
    static const struct {
        const char *json, *said;
    } rows[] = {
        {"", "not valid JSON"},
        {"{", "not valid JSON"},
        {"[]", "not a set"},
        {"null", "not valid JSON"},
        {"{}", "not a set"},
        {"{\"keys\":{}}", "not a set"},
        {"{\"keys\":[]}", "is empty"},
        {"{\"keys\":[7]}", "key 1 of it is not a JSON object"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"EC\"}]}", "not valid JSON"},
        {"{" RSA_NUMBERS ",\"use\":\"enc\"}", "is not for signatures"},
        {"{\"keys\":[{" RSA_NUMBERS "}]} x", "not valid JSON"},
    };
    struct keys *keys = keys_new();
    unsigned left_out;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(add_set(keys, KEYS_FILE, rows[i].json, &left_out), -EINVAL);
        cr_expect(strstr(error, rows[i].said), "%s: %s", rows[i].json, error);
    }
    cr_expect_eq(keys_count(keys), 0);
    keys_unref(keys);
}

Test(keys, no_secret_comes_from_a_url)
{
    struct keys *keys = keys_new();
    unsigned left_out;
    cr_expect_eq(add_set(keys, KEYS_URL, "{" SECRET_NUMBERS "}", &left_out), -EINVAL);
    cr_expect(strstr(error, "network"), "%s", error);
    cr_expect_eq(add_set(keys, KEYS_URL, "{" ED_NUMBERS "}", &left_out), 0);
    keys_unref(keys);
}

Test(keys, there_is_a_limit)
{
    struct keys *keys = keys_new(), *others = keys_new();
    for (unsigned i = 0; i < KEYS_MAX; i++)
        cr_assert_eq(keys_add_key(keys, ALGORITHM_HS256, TEXT(TEST_SECRET), error, sizeof(error)),
                     0);
    cr_expect_eq(keys_add_key(keys, ALGORITHM_HS256, TEXT(TEST_SECRET), error, sizeof(error)),
                 -EINVAL);
    unsigned left_out;
    cr_expect_eq(add_set(keys, KEYS_FILE, "{" ED_NUMBERS "}", &left_out), -EINVAL);
    cr_expect_eq(add_set(others, KEYS_FILE, "{" ED_NUMBERS "}", &left_out), 0);
    cr_expect_eq(keys_add_all(keys, others), -E2BIG);
    cr_expect_eq(keys_add_all(others, others), 0, "twice itself");
    cr_expect_eq(keys_count(others), 2);
    keys_unref(keys);
    keys_unref(others);
}

/* --- files --------------------------------------------------------------------------------- */

Test(keys, a_file_is_read_whole)
{
    char path[] = "/tmp/fanfare-keys-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    struct secret secret;
    cr_expect_eq(secret_file_read(path, &secret, error, sizeof(error)), -EINVAL);
    cr_expect(strstr(error, "is empty"), "%s", error);
    cr_assert_eq(write(fd, TEST_SECRET "\n", 65), 65);
    cr_assert_eq(secret_file_read(path, &secret, error, sizeof(error)), 0, "%s", error);
    cr_expect(text_equals((struct text){secret.bytes, secret.len}, TEXT(TEST_SECRET "\n")));
    secret_deinit(&secret);
    cr_expect_null(secret.bytes);
    cr_assert_eq(ftruncate(fd, SECRET_FILE_BYTES_MAX), 0);
    cr_assert_eq(secret_file_read(path, &secret, error, sizeof(error)), 0, "%s", error);
    cr_expect_eq(secret.len, SECRET_FILE_BYTES_MAX);
    secret_deinit(&secret);
    cr_assert_eq(ftruncate(fd, SECRET_FILE_BYTES_MAX + 1), 0);
    cr_expect_eq(secret_file_read(path, &secret, error, sizeof(error)), -EINVAL);
    cr_expect(strstr(error, "longer than"), "%s", error);
    close(fd);
    unlink(path);
    cr_expect_eq(secret_file_read(path, &secret, error, sizeof(error)), -ENOENT);
    cr_expect(strstr(error, path), "%s", error);
    cr_expect_eq(secret_file_read("/tmp", &secret, error, sizeof(error)), -EISDIR);
}
