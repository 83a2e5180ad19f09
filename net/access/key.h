/* SPDX-License-Identifier: MIT */
/*
 * One key of tokens: its algorithm, perhaps its name (`kid`), and the secret or the public key,
 * or the private one where somebody signs. Whatever it came from, it fits its algorithm.
 *
 * Immutable and shared by reference count, between threads too. Secrets are wiped when they go.
 */
#pragma once

#include "net/access/algorithm.h"
#include "net/access/pem.h"

struct key;

/* From a file's text: the secret of an HMAC (a line end at its end is not part of it), or PEM. 0,
 * -ENOMEM, or -EINVAL with the rest of a sentence that begins with the file. A text that is
 * somebody's public key, in PEM or otherwise, is never a secret. */
MUST_USE int key_new_text(enum algorithm algorithm, struct text text, enum pem_kind kind,
                          struct key **ret_key, char *error, size_t error_size);
/* From a secret as it is. `kid` may be empty. */
MUST_USE int key_new_secret(enum algorithm algorithm, struct text kid, struct text secret,
                            struct key **ret_key, char *error, size_t error_size);
/* Takes the key over on success. */
MUST_USE int key_new_pkey(enum algorithm algorithm, struct text kid, struct evp_pkey_st *pkey,
                          struct key **ret_key, char *error, size_t error_size);

struct key *key_ref(struct key *key);
/* Takes NULL; returns NULL. */
struct key *key_unref(struct key *key);

/* What a PEM key is most likely for: RS256 for RSA. ALGORITHM_COUNT: for nothing here, or no PEM.
 */
enum algorithm key_usual_algorithm(struct text text);

enum algorithm key_algorithm(const struct key *key);
struct text key_kid(const struct key *key); /* empty: none */

/* What a signature is made with and checked by: one of them is there. */
struct evp_pkey_st *key_pkey(const struct key *key); /* NULL: it is a secret */
struct text key_secret(const struct key *key);
/* Of a key for EdDSA: the 32 bytes of its public half, as RFC 8032 writes them. */
const unsigned char *key_ed25519(const struct key *key);
