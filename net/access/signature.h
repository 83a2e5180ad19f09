/* SPDX-License-Identifier: MIT */
/*
 * Signatures as JWS has them (RFC 7518 section 3, RFC 8037 section 3.1), made and checked by
 * OpenSSL: those of ECDSA are the two numbers side by side, each as long as the curve's
 * coordinates. Those of Ed25519 are checked by libsodium, in half the time that OpenSSL 3.0 takes,
 * and more strictly: keys of small order are none.
 *
 * Pure. Any thread; a key may be used by several at once.
 */
#pragma once

#include <stdbool.h>

#include "net/access/key.h"

/* No signature is longer: RSA's is as long as its key. */
#define SIGNATURE_BYTES_MAX 1024

/* 1: it is this key's signature of these bytes. 0: it is not. -ENOMEM: nobody knows. */
MUST_USE int signature_check(const struct key *key, struct text bytes, struct text signature);
/* 0, -ENOMEM, or -EINVAL: the key cannot sign. `out` has room for SIGNATURE_BYTES_MAX. */
MUST_USE int signature_make(const struct key *key, struct text bytes, unsigned char *out,
                            size_t *ret_len);
