/* SPDX-License-Identifier: MIT */
/*
 * One key in PEM: what `openssl pkey -pubout`, `openssl rsa -RSAPublicKey_out` and certificates
 * look like, and private keys where somebody signs.
 *
 * Nobody is ever asked for a password: a key that has one is refused. Pure; any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

enum pem_kind {
    PEM_PUBLIC,  /* a private key is refused: a server has no use for it */
    PEM_PRIVATE, /* a public key is refused: it signs nothing */
    PEM_EITHER,
};

/* True if there is a block of PEM somewhere in it. */
bool pem_is(struct text text);

/* 0, -ENOMEM, or -EINVAL with the rest of a sentence that begins with the file. */
MUST_USE int pem_read(struct text text, enum pem_kind kind, struct evp_pkey_st **ret_key,
                      char *error, size_t error_size);
