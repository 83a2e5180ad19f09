/* SPDX-License-Identifier: MIT */
/*
 * The signature algorithms of tokens (RFC 7518 section 3, RFC 8037 section 3.1), and what each asks
 * of its key.
 *
 * A key has exactly one algorithm, which comes from the configuration or from the key's own JWK. A
 * token only has to name the same one. There is no `none`.
 *
 * Constants. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

enum algorithm {
    ALGORITHM_HS256,
    ALGORITHM_HS384,
    ALGORITHM_HS512,
    ALGORITHM_RS256,
    ALGORITHM_RS384,
    ALGORITHM_RS512,
    ALGORITHM_ES256,
    ALGORITHM_ES384,
    ALGORITHM_ES512,
    ALGORITHM_EDDSA,
    ALGORITHM_COUNT, /* also: none of them */
};

/* The names in the order of the enum, for a table of options. */
#define ALGORITHM_CHOICES "HS256 HS384 HS512 RS256 RS384 RS512 ES256 ES384 ES512 EdDSA"

enum algorithm_family { FAMILY_HMAC, FAMILY_RSA, FAMILY_EC, FAMILY_ED25519 };

const char *algorithm_name(enum algorithm algorithm);
/* ALGORITHM_COUNT: there is none of this name. Ed25519 (RFC 9864) is another name of EdDSA. */
enum algorithm algorithm_of(struct text name);
enum algorithm_family algorithm_family(enum algorithm algorithm);
/* Bits of its digest: 256, 384 or 512. An HMAC's secret has at least as many (RFC 7518 3.2). */
unsigned algorithm_digest_bits(enum algorithm algorithm);
/* Of an EC algorithm: bytes of a coordinate, and of each half of a signature. */
unsigned algorithm_coordinate_bytes(enum algorithm algorithm);
/* Of an EC algorithm: its curve, as JWK and NIST ("P-256") and as OpenSSL ("prime256v1") call it.
 */
const char *algorithm_curve(enum algorithm algorithm);
const char *algorithm_group(enum algorithm algorithm);
