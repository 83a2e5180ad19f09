/* SPDX-License-Identifier: MIT */
/*
 * Signed texts: the examples of RFC 7515 (appendix A) and RFC 8037 (appendix A), every way to break
 * one, and base64url.
 */
#include <criterion/criterion.h>

#include "net/access/base64url.h"
#include "net/access/jws.h"
#include "tests/unit/guard.h"

static char error[512];

/* RFC 7515 A.1.1, A.2.1, A.3.1, A.4.1; RFC 8037 A.2: the public parts. */
#define HS256_JWK                                                                                  \
    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4" \
    "hcgUuTwjAzZr1Z9CAow\"}"
#define RS256_JWK                                                                                  \
    "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Va" \
    "w-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OM"  \
    "g0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo"  \
    "5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp"  \
    "oQ\",\"e\":\"AQAB\"}"
#define ES256_JWK                                                                                  \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","     \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define ES512_JWK                                                                                  \
    "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5" \
    "EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2" \
    "Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}"
#define ED25519_JWK                                                                                \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

/* The payload of A.1 to A.3. */
#define JOE                                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static const struct vector {
    const char *from, *jwk, *text;
} vectors[] = {
    {"RFC 7515 A.1", HS256_JWK,
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE
     ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    {"RFC 7515 A.2", RS256_JWK,
     "eyJhbGciOiJSUzI1NiJ9." JOE
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp"
     "5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHl"
     "b1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9Q"
     "OYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {"RFC 7515 A.3", ES256_JWK,
     "eyJhbGciOiJFUzI1NiJ9." JOE
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    {"RFC 7515 A.4", ES512_JWK,
     "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
     "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8G"
     "aSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"},
    {"RFC 8037 A.4", ED25519_JWK,
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static struct keys *keys_of(const char *jwk)
{
    unsigned left_out;
    struct keys *keys = keys_new();
    cr_assert(keys);
    cr_assert_eq(keys_add_jwks(keys, KEYS_FILE, ALGORITHM_RS256, text_of(jwk), &left_out, error,
                               sizeof(error)),
                 0, "%s", error);
    return keys;
}

/* What is said about a text, read at the end of its memory. */
static int check(const struct keys *keys, struct text text)
{
    struct text guarded = guard_new(text);
    struct jws jws;
    int r = jws_read(guarded, &jws);
    if (!r) {
        r = jws_check(&jws, keys);
        jws_deinit(&jws);
    }
    guard_free(guarded);
    return r;
}

Test(jws, the_examples_of_the_rfcs_are_good)
{
    for (size_t i = 0; i < VECTORS; i++) {
        struct keys *keys = keys_of(vectors[i].jwk);
        cr_expect_eq(check(keys, text_of(vectors[i].text)), 0, "%s", vectors[i].from);
        keys_unref(keys);
    }
}

Test(jws, an_example_is_good_with_its_own_key_alone)
{
    for (size_t i = 0; i < VECTORS; i++)
        for (size_t j = 0; j < VECTORS; j++) {
            struct keys *keys = keys_of(vectors[j].jwk);
            cr_expect_eq(check(keys, text_of(vectors[i].text)), i == j ? 0 : TOKEN_ALGORITHM);
            keys_unref(keys);
        }
}

Test(jws, cut_anywhere_it_is_refused)
{
    for (size_t i = 0; i < VECTORS; i++) {
        struct keys *keys = keys_of(vectors[i].jwk);
        struct text text = text_of(vectors[i].text);
        for (size_t len = 0; len < text.len; len++) {
            cr_expect_gt(check(keys, (struct text){text.at, len}), 0, "%s, %zu bytes",
                         vectors[i].from, len);
            cr_expect_gt(check(keys, (struct text){text.at + len + 1, text.len - len - 1}), 0);
        }
        keys_unref(keys);
    }
}

Test(jws, with_any_bit_flipped_it_is_refused)
{
    for (size_t i = 0; i < VECTORS; i++) {
        struct keys *keys = keys_of(vectors[i].jwk);
        char bytes[1024];
        size_t len = strlen(vectors[i].text);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            memcpy(bytes, vectors[i].text, len);
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            cr_expect_gt(check(keys, (struct text){bytes, len}), 0, "%s, bit %zu", vectors[i].from,
                         bit);
        }
        keys_unref(keys);
    }
}

static bool decodes(struct text letters, const char *bytes, size_t len)
{
    unsigned char out[64];
    size_t out_len;
    struct text guarded = guard_new(letters);
    bool decoded = base64url_decode(guarded, out, &out_len);
    guard_free(guarded);
    return decoded && out_len == len && memcmp(out, bytes, len) == 0;
}

Test(jws, base64url_is_strict)
{
    static const char *const bad[] = {"A",    "AAAAA", "AB",   "AAB",  "AA==", "AAA=",  "AA A",
                                      "AA\n", "A+AA",  "A/AA", "A.AA", "_x",   "AA\xc3"};
    char letters[8];
    unsigned char out[8];
    size_t len;
    cr_expect(decodes(TEXT(""), "", 0));
    cr_expect(decodes(TEXT("AA"), "\0", 1));
    cr_expect(decodes(TEXT("-_8"), "\xfb\xff", 2));
    cr_expect(decodes(TEXT("Zm9vYmFy"), "foobar", 6));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(!base64url_decode(text_of(bad[i]), out, &len), "%s", bad[i]);
    /* Each of the texts of two letters is either refused or comes back as it was. */
    for (unsigned i = 0; i < 65536; i++) {
        const char pair[2] = {(char)(i >> 8), (char)i};
        if (base64url_decode((struct text){pair, 2}, out, &len))
            cr_assert(len == 1 && base64url_encode(out, 1, letters) == 2 &&
                      memcmp(letters, pair, 2) == 0);
    }
}
