/* SPDX-License-Identifier: MIT */
/*
 * One JSON Web Key (RFC 7517; RFC 7518 section 6; RFC 8037 section 2) becomes a key. Of a private
 * key only the public part is taken.
 *
 * What certificates it may carry (`x5c`, `x5u`, ...) is not looked at, and nothing is fetched.
 * Pure; any thread.
 */
#pragma once

#include "net/access/key.h"

struct json_t; /* jansson's */

enum { JWK_NOT_FOR_US = 1 };

/* 0, -ENOMEM, or JWK_NOT_FOR_US with the rest of a sentence that begins with the key: of a kind, a
 * use or an algorithm that is not ours, or faulty (RFC 7517 section 5: such keys are left out, the
 * others of a set hold). `rsa_usual` is what an RSA key is for that does not say; `secrets` says
 * whether the secrets of HMACs are taken. */
MUST_USE int jwk_read(const struct json_t *jwk, enum algorithm rsa_usual, bool secrets,
                      struct key **ret_key, char *error, size_t error_size);
