/* SPDX-License-Identifier: MIT */
/* One JSON Web Key: see jwk.h. */
#include "net/access/jwk.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "engine/limits.h"
#include "net/access/base64url.h"
#include "net/access/objection.h"

/* Longer than an RSA modulus may be, and than any secret somebody has. */
#define MEMBER_BYTES_MAX 4096

static struct text member(const json_t *jwk, const char *name)
{
    const json_t *value = json_object_get(jwk, name);
    return json_is_string(value)
               ? (struct text){json_string_value(value), json_string_length(value)}
               : TEXT("");
}

/* A member of base64url, into `out` with room for MEMBER_BYTES_MAX. False: absent or faulty. */
static bool decode(const json_t *jwk, const char *name, unsigned char *out, size_t *ret_len)
{
    struct text letters = member(jwk, name);
    return letters.len > 0 && BASE64URL_BYTES(letters.len) <= MEMBER_BYTES_MAX &&
           base64url_decode(letters, out, ret_len);
}

/* --- public keys --------------------------------------------------------------------------- */

static EVP_PKEY *pkey_of(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return pkey;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    unsigned char n[MEMBER_BYTES_MAX], e[MEMBER_BYTES_MAX];
    size_t n_len, e_len;
    /* An exponent is small: OpenSSL's own bound for large keys, taken for all. */
    if (!decode(jwk, "n", n, &n_len) || !decode(jwk, "e", e, &e_len) || e_len > 8)
        return NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
    EVP_PKEY *pkey = NULL;
    if (builder && modulus && exponent && BN_is_odd(modulus) && BN_is_odd(exponent) &&
        !BN_is_one(exponent) && BN_num_bits(modulus) <= RSA_BITS_MAX &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        pkey = pkey_of("RSA", builder);
    BN_free(modulus);
    BN_free(exponent);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *read_ec(const json_t *jwk, enum algorithm algorithm)
{
    unsigned char x[MEMBER_BYTES_MAX], y[MEMBER_BYTES_MAX], point[1 + 2 * 66];
    size_t size = algorithm_coordinate_bytes(algorithm), x_len, y_len;
    if (!decode(jwk, "x", x, &x_len) || !decode(jwk, "y", y, &y_len) || x_len != size ||
        y_len != size)
        return NULL;
    point[0] = 4; /* both coordinates follow */
    memcpy(point + 1, x, size);
    memcpy(point + 1 + size, y, size);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                        algorithm_group(algorithm), 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size) ==
            1)
        pkey = pkey_of("EC", builder); /* a point that is not on the curve is refused */
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *read_ed25519(const json_t *jwk)
{
    unsigned char x[MEMBER_BYTES_MAX];
    size_t len;
    if (!decode(jwk, "x", x, &len) || len != 32)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, len);
}

static EVP_PKEY *read_public(const json_t *jwk, enum algorithm algorithm)
{
    switch (algorithm_family(algorithm)) {
    case FAMILY_RSA:
        return read_rsa(jwk);
    case FAMILY_EC:
        return read_ec(jwk, algorithm);
    default:
        return read_ed25519(jwk);
    }
}

/* --- one key ------------------------------------------------------------------------------- */

/* What a key that does not say is for. ALGORITHM_COUNT: for nothing here. */
static enum algorithm usual_algorithm(const json_t *jwk, enum algorithm rsa_usual)
{
    struct text kty = member(jwk, "kty"), crv = member(jwk, "crv");
    if (text_equals(kty, TEXT("RSA")))
        return rsa_usual;
    if (text_equals(kty, TEXT("oct")))
        return ALGORITHM_HS256;
    if (text_equals(kty, TEXT("OKP")))
        return text_equals(crv, TEXT("Ed25519")) ? ALGORITHM_EDDSA : ALGORITHM_COUNT;
    for (enum algorithm at = ALGORITHM_ES256; at <= ALGORITHM_ES512; at++)
        if (text_equals(kty, TEXT("EC")) && text_equals(crv, text_of(algorithm_curve(at))))
            return at;
    return ALGORITHM_COUNT;
}

/* True if it may check signatures: `use` and `key_ops` say so, or nothing. */
static bool may_verify(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use"), *value;
    const json_t *operations = json_object_get(jwk, "key_ops");
    if (use && !text_equals(member(jwk, "use"), TEXT("sig")))
        return false;
    if (!operations)
        return true;
    size_t i;
    json_array_foreach(operations, i, value)
    {
        const char *word = json_string_value(value);
        if (word && (strcmp(word, "verify") == 0 || strcmp(word, "sign") == 0))
            return true;
    }
    return false;
}

static int leave_out(char *error, size_t error_size, const char *why)
{
    objection_say(error, error_size, "%s", why);
    return JWK_NOT_FOR_US;
}

static int read_secret(const json_t *jwk, enum algorithm algorithm, struct text kid,
                       struct key **ret_key, char *error, size_t error_size)
{
    unsigned char secret[MEMBER_BYTES_MAX];
    size_t len;
    if (!decode(jwk, "k", secret, &len))
        return leave_out(error, error_size, "has no secret in base64url (k)");
    int r = key_new_secret(algorithm, kid, (struct text){(char *)secret, len}, ret_key, error,
                           error_size);
    OPENSSL_cleanse(secret, len);
    return r == -EINVAL ? JWK_NOT_FOR_US : r;
}

int jwk_read(const json_t *jwk, enum algorithm rsa_usual, bool secrets, struct key **ret_key,
             char *error, size_t error_size)
{
    const json_t *alg = json_object_get(jwk, "alg"), *kid = json_object_get(jwk, "kid");
    enum algorithm usual = usual_algorithm(jwk, rsa_usual), algorithm = usual;
    if (!json_is_object(jwk) || (alg && !json_is_string(alg)) || (kid && !json_is_string(kid)))
        return leave_out(error, error_size, "is not a JSON object with texts for alg and kid");
    if (usual == ALGORITHM_COUNT)
        return leave_out(error, error_size,
                         "is of a kind that no algorithm here is for (kty, crv)");
    if (alg)
        algorithm = algorithm_of(member(jwk, "alg"));
    if (algorithm == ALGORITHM_COUNT)
        return leave_out(error, error_size, "is for an algorithm that is none of ours (alg)");
    if (algorithm_family(algorithm) != algorithm_family(usual) ||
        (algorithm_family(usual) == FAMILY_EC && algorithm != usual))
        return leave_out(error, error_size,
                         "names an algorithm that it is no key for (alg, kty and crv)");
    if (!may_verify(jwk))
        return leave_out(error, error_size, "is not for signatures (use, key_ops)");
    if (algorithm_family(algorithm) == FAMILY_HMAC) {
        if (!secrets)
            return leave_out(error, error_size, "is a secret, and came over the network (kty oct)");
        return read_secret(jwk, algorithm, member(jwk, "kid"), ret_key, error, error_size);
    }
    EVP_PKEY *pkey = read_public(jwk, algorithm);
    ERR_clear_error();
    if (!pkey)
        return leave_out(error, error_size, "has numbers that are no key");
    int r = key_new_pkey(algorithm, member(jwk, "kid"), pkey, ret_key, error, error_size);
    if (r)
        EVP_PKEY_free(pkey);
    return r == -EINVAL ? JWK_NOT_FOR_US : r;
}
