/* SPDX-License-Identifier: MIT */
/* The algorithms, as a table: see algorithm.h. */
#include "net/access/algorithm.h"

static const struct row {
    const char *name;
    enum algorithm_family family;
    unsigned digest_bits, coordinate_bytes;
    const char *curve, *group;
} rows[] = {
    [ALGORITHM_HS256] = {"HS256", FAMILY_HMAC, 256, 0, NULL, NULL},
    [ALGORITHM_HS384] = {"HS384", FAMILY_HMAC, 384, 0, NULL, NULL},
    [ALGORITHM_HS512] = {"HS512", FAMILY_HMAC, 512, 0, NULL, NULL},
    [ALGORITHM_RS256] = {"RS256", FAMILY_RSA, 256, 0, NULL, NULL},
    [ALGORITHM_RS384] = {"RS384", FAMILY_RSA, 384, 0, NULL, NULL},
    [ALGORITHM_RS512] = {"RS512", FAMILY_RSA, 512, 0, NULL, NULL},
    [ALGORITHM_ES256] = {"ES256", FAMILY_EC, 256, 32, "P-256", "prime256v1"},
    [ALGORITHM_ES384] = {"ES384", FAMILY_EC, 384, 48, "P-384", "secp384r1"},
    [ALGORITHM_ES512] = {"ES512", FAMILY_EC, 512, 66, "P-521", "secp521r1"},
    [ALGORITHM_EDDSA] = {"EdDSA", FAMILY_ED25519, 512, 0, NULL, NULL},
};

const char *algorithm_name(enum algorithm algorithm)
{
    return rows[algorithm].name;
}

enum algorithm algorithm_of(struct text name)
{
    if (text_equals(name, TEXT("Ed25519")))
        return ALGORITHM_EDDSA;
    unsigned i = 0;
    while (i < ALGORITHM_COUNT && !text_equals(name, text_of(rows[i].name)))
        i++;
    return (enum algorithm)i;
}

enum algorithm_family algorithm_family(enum algorithm algorithm)
{
    return rows[algorithm].family;
}

unsigned algorithm_digest_bits(enum algorithm algorithm)
{
    return rows[algorithm].digest_bits;
}

unsigned algorithm_coordinate_bytes(enum algorithm algorithm)
{
    return rows[algorithm].coordinate_bytes;
}

const char *algorithm_curve(enum algorithm algorithm)
{
    return rows[algorithm].curve;
}

const char *algorithm_group(enum algorithm algorithm)
{
    return rows[algorithm].group;
}
