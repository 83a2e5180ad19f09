/* SPDX-License-Identifier: MIT */
/* Signatures: see signature.h. */
#include "net/access/signature.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium/crypto_sign_ed25519.h>

#include "engine/limits.h"

static_assert(SIGNATURE_BYTES_MAX >= RSA_BITS_MAX / 8 && SIGNATURE_BYTES_MAX >= EVP_MAX_MD_SIZE,
              "each signature has room");

/* A DER signature of the largest curve: two numbers of 66 bytes, with perhaps a zero in front. */
#define DER_BYTES_MAX (2 * (66 + 3) + 4)

static const EVP_MD *digest_of(enum algorithm algorithm)
{
    switch (algorithm_digest_bits(algorithm)) {
    case 256:
        return EVP_sha256();
    case 384:
        return EVP_sha384();
    default:
        return EVP_sha512();
    }
}

/* False: out of memory. */
static bool hmac(const struct key *key, struct text bytes, unsigned char *out, size_t *ret_len)
{
    struct text secret = key_secret(key);
    unsigned len = 0;
    bool made = HMAC(digest_of(key_algorithm(key)), secret.at, (int)secret.len,
                     (const unsigned char *)bytes.at, bytes.len, out, &len) != NULL;
    *ret_len = len;
    return made;
}

/* From the numbers side by side to DER. The length, or 0: it is none, or there is no memory. */
static size_t to_der(struct text signature, size_t half, unsigned char *out)
{
    const unsigned char *bytes = (const unsigned char *)signature.at;
    if (signature.len != 2 * half)
        return 0;
    int len = 0;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, (int)half, NULL), *s = BN_bin2bn(bytes + half, (int)half, NULL);
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL;
        len = i2d_ECDSA_SIG(pair, &out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return len > 0 ? (size_t)len : 0;
}

static bool from_der(const unsigned char *der, size_t len, size_t half, unsigned char *out)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool made = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, (int)half) == (int)half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, (int)half) == (int)half;
    ECDSA_SIG_free(pair);
    return made;
}

/* Ed25519 digests by itself. */
static const EVP_MD *digest_for_pkey(enum algorithm algorithm)
{
    return algorithm_family(algorithm) == FAMILY_ED25519 ? NULL : digest_of(algorithm);
}

int signature_check(const struct key *key, struct text bytes, struct text signature)
{
    enum algorithm algorithm = key_algorithm(key);
    unsigned char der[DER_BYTES_MAX], expected[EVP_MAX_MD_SIZE];
    size_t len;
    if (!key_pkey(key)) {
        if (!hmac(key, bytes, expected, &len))
            return -ENOMEM;
        return signature.len == len && CRYPTO_memcmp(signature.at, expected, len) == 0;
    }
    if (algorithm_family(algorithm) == FAMILY_EC) {
        len = to_der(signature, algorithm_coordinate_bytes(algorithm), der);
        signature = (struct text){(const char *)der, len};
    }
    if (algorithm == ALGORITHM_EDDSA)
        return signature.len == crypto_sign_ed25519_BYTES &&
               crypto_sign_ed25519_verify_detached((const unsigned char *)signature.at,
                                                   (const unsigned char *)bytes.at, bytes.len,
                                                   key_ed25519(key)) == 0;
    if (signature.len == 0)
        return 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return -ENOMEM;
    int r = EVP_DigestVerifyInit(context, NULL, digest_for_pkey(algorithm), NULL, key_pkey(key));
    if (r == 1)
        r = EVP_DigestVerify(context, (const unsigned char *)signature.at, signature.len,
                             (const unsigned char *)bytes.at, bytes.len);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return r == 1;
}

int signature_make(const struct key *key, struct text bytes, unsigned char *out, size_t *ret_len)
{
    enum algorithm algorithm = key_algorithm(key);
    if (!key_pkey(key))
        return hmac(key, bytes, out, ret_len) ? 0 : -ENOMEM;
    unsigned char made[SIGNATURE_BYTES_MAX];
    size_t len = sizeof(made);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return -ENOMEM;
    int r = EVP_DigestSignInit(context, NULL, digest_for_pkey(algorithm), NULL, key_pkey(key));
    if (r == 1)
        r = EVP_DigestSign(context, made, &len, (const unsigned char *)bytes.at, bytes.len);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    if (r != 1)
        return -EINVAL;
    if (algorithm_family(algorithm) == FAMILY_EC) {
        size_t half = algorithm_coordinate_bytes(algorithm);
        *ret_len = 2 * half;
        return from_der(made, len, half, out) ? 0 : -ENOMEM;
    }
    memcpy(out, made, len);
    *ret_len = len;
    return 0;
}
