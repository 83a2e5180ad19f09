/* SPDX-License-Identifier: MIT */
/* Keys: see key.h. */
#include "net/access/key.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdatomic.h>

#include "engine/limits.h"
#include "net/access/objection.h"

struct key {
    _Atomic unsigned references;
    enum algorithm algorithm;
    EVP_PKEY *pkey;            /* NULL: a secret */
    unsigned char ed25519[32]; /* the public half, where it is such a key */
    size_t kid_len, secret_len;
    char bytes[]; /* kid, secret */
};

static struct key *key_new(enum algorithm algorithm, struct text kid, struct text secret)
{
    struct key *key = calloc(1, sizeof(*key) + kid.len + secret.len);
    if (!key)
        return NULL;
    atomic_init(&key->references, 1);
    key->algorithm = algorithm;
    key->kid_len = kid.len;
    key->secret_len = secret.len;
    if (kid.len)
        memcpy(key->bytes, kid.at, kid.len);
    if (secret.len)
        memcpy(key->bytes + kid.len, secret.at, secret.len);
    return key;
}

struct key *key_ref(struct key *key)
{
    atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
    return key;
}

struct key *key_unref(struct key *key)
{
    /* Release and acquire: whoever frees it sees all uses by the others as over. */
    if (!key || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    EVP_PKEY_free(key->pkey);
    OPENSSL_cleanse(key->bytes, key->kid_len + key->secret_len);
    free(key);
    return NULL;
}

enum algorithm key_algorithm(const struct key *key)
{
    return key->algorithm;
}

struct text key_kid(const struct key *key)
{
    return (struct text){key->bytes, key->kid_len};
}

EVP_PKEY *key_pkey(const struct key *key)
{
    return key->pkey;
}

struct text key_secret(const struct key *key)
{
    return (struct text){key->bytes + key->kid_len, key->secret_len};
}

const unsigned char *key_ed25519(const struct key *key)
{
    return key->ed25519;
}

/* --- secrets ------------------------------------------------------------------------------- */

/* What everybody may know, and so can be no secret: the rest of a sentence, or NULL. */
static const char *public_text(struct text text)
{
    const unsigned char *der = (const unsigned char *)text.at;
    size_t at = 0;
    while (at < text.len && isspace((unsigned char)text.at[at]))
        at++;
    if (at < text.len && text.at[at] == '{' && memmem(text.at, text.len, "\"kty\"", 5))
        return "is a JWK or a set of them, which is never the secret of an HMAC itself: give it as "
               "a JWKS";
    if (text.len > 4 && (memcmp(text.at, "ssh-", 4) == 0 ||
                         (text.len > 11 && memcmp(text.at, "ecdsa-sha2-", 11) == 0)))
        return "is a public key of SSH, which is no secret";
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &der, (long)text.len);
    ERR_clear_error();
    EVP_PKEY_free(pkey);
    return pkey ? "is a public key in DER, which is no secret" : NULL;
}

int key_new_secret(enum algorithm algorithm, struct text kid, struct text secret,
                   struct key **ret_key, char *error, size_t error_size)
{
    size_t bytes_min = algorithm_digest_bits(algorithm) / 8;
    /* RFC 7518 section 3.2: a key as long as the digest or longer. A shorter one can be guessed,
     * without asking anybody, by whoever has seen one token. */
    if (secret.len < bytes_min)
        return objection_say(error, error_size,
                             "has a secret of %zu bytes; %s needs %zu at least (RFC 7518, 3.2), as "
                             "`openssl rand -hex %zu` makes them",
                             secret.len, algorithm_name(algorithm), bytes_min, bytes_min);
    *ret_key = key_new(algorithm, kid, secret);
    return *ret_key ? 0 : -ENOMEM;
}

/* A line end at the end of a file is not part of what is in it. */
static struct text without_line_end(struct text text)
{
    if (text.len && text.at[text.len - 1] == '\n') {
        text.len--;
        text.len -= text.len && text.at[text.len - 1] == '\r';
    }
    return text;
}

/* --- public and private keys --------------------------------------------------------------- */

static bool is_on(EVP_PKEY *pkey, enum algorithm algorithm)
{
    char group[32] = "";
    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
           strcmp(group, algorithm_group(algorithm)) == 0;
}

static enum algorithm usual_algorithm(EVP_PKEY *pkey)
{
    static const enum algorithm curves[] = {ALGORITHM_ES256, ALGORITHM_ES384, ALGORITHM_ES512};
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA)
        return ALGORITHM_RS256;
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519)
        return ALGORITHM_EDDSA;
    for (unsigned i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (is_on(pkey, curves[i]))
            return curves[i];
    return ALGORITHM_COUNT;
}

enum algorithm key_usual_algorithm(struct text text)
{
    char error[256];
    EVP_PKEY *pkey = NULL;
    if (!pem_is(text) || pem_read(text, PEM_EITHER, &pkey, error, sizeof(error)) != 0)
        return ALGORITHM_COUNT;
    enum algorithm algorithm = usual_algorithm(pkey);
    EVP_PKEY_free(pkey);
    return algorithm;
}

/* 0, or -EINVAL with a sentence. */
static int check_fits(EVP_PKEY *pkey, enum algorithm algorithm, char *error, size_t error_size)
{
    enum algorithm usual = usual_algorithm(pkey);
    if (usual == ALGORITHM_COUNT)
        return objection_say(error, error_size,
                             "is a key of a kind that no algorithm here is for: RSA, the curves "
                             "P-256, P-384 and P-521, and Ed25519 are");
    if (algorithm_family(usual) != algorithm_family(algorithm) ||
        (algorithm_family(usual) == FAMILY_EC && usual != algorithm))
        return objection_say(error, error_size, "is a key for %s%s, not for %s",
                             algorithm_name(usual), usual == ALGORITHM_RS256 ? " and its kin" : "",
                             algorithm_name(algorithm));
    int bits = EVP_PKEY_get_bits(pkey);
    if (usual == ALGORITHM_RS256 && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX))
        return objection_say(error, error_size, "is an RSA key of %d bits; %d to %d are allowed",
                             bits, RSA_BITS_MIN, RSA_BITS_MAX);
    return 0;
}

int key_new_pkey(enum algorithm algorithm, struct text kid, EVP_PKEY *pkey, struct key **ret_key,
                 char *error, size_t error_size)
{
    int r = check_fits(pkey, algorithm, error, error_size);
    if (r)
        return r;
    struct key *key = key_new(algorithm, kid, TEXT(""));
    if (!key)
        return -ENOMEM;
    size_t len = sizeof(key->ed25519);
    CHECK(algorithm != ALGORITHM_EDDSA ||
          EVP_PKEY_get_raw_public_key(pkey, key->ed25519, &len) == 1);
    key->pkey = pkey;
    *ret_key = key;
    return 0;
}

/* Where a secret is wanted. */
static int refuse_pem(struct text text, char *error, size_t error_size)
{
    enum algorithm usual = key_usual_algorithm(text);
    return objection_say(error, error_size, "is PEM, which is never the secret of an HMAC: %s%s",
                         usual == ALGORITHM_COUNT ? "say which algorithm it is for"
                                                  : "as its algorithm give ",
                         usual == ALGORITHM_COUNT   ? ""
                         : usual == ALGORITHM_RS256 ? "RS256, RS384 or RS512"
                                                    : algorithm_name(usual));
}

int key_new_text(enum algorithm algorithm, struct text text, enum pem_kind kind,
                 struct key **ret_key, char *error, size_t error_size)
{
    if (algorithm_family(algorithm) == FAMILY_HMAC) {
        if (pem_is(text))
            return refuse_pem(text, error, error_size);
        const char *fault = public_text(text);
        if (fault)
            return objection_say(error, error_size, "%s", fault);
        return key_new_secret(algorithm, TEXT(""), without_line_end(text), ret_key, error,
                              error_size);
    }
    EVP_PKEY *pkey = NULL;
    int r = pem_read(text, kind, &pkey, error, error_size);
    if (!r)
        r = key_new_pkey(algorithm, TEXT(""), pkey, ret_key, error, error_size);
    if (r)
        EVP_PKEY_free(pkey);
    return r;
}
