/* SPDX-License-Identifier: MIT */
/*
 * The keys that tokens may be signed with: from files of one key each, and from JWK sets (RFC
 * 7517).
 *
 * Whoever makes a set fills it, and from then on it is immutable, shared by reference count; a
 * reload, or a set that was fetched again, makes a new one. Sets are texts here: who reads or
 * fetches them, and when, is not known.
 *
 * Each key has one algorithm, so nothing that a token says can make a public key a secret.
 *
 * Pure but for the memory that it holds. Any thread, once it is filled.
 */
#pragma once

#include "net/access/key.h"

struct keys;

struct keys *keys_new(void); /* NULL: out of memory */
struct keys *keys_ref(struct keys *keys);
/* Takes NULL; returns NULL. */
struct keys *keys_unref(struct keys *keys);

/* Each of these returns 0, -ENOMEM, or -EINVAL with the rest of a sentence that begins with where
 * the text came from. More than KEYS_MAX keys are refused. */

/* A file of one key: an HMAC's secret, or a public key in PEM. */
MUST_USE int keys_add_key(struct keys *keys, enum algorithm algorithm, struct text text,
                          char *error, size_t error_size);

/* Any key. */
MUST_USE int keys_add(struct keys *keys, struct key *key);

enum keys_origin { KEYS_FILE, KEYS_URL /* no secrets come from there */ };

/* A JWK set, or one JWK. `rsa_usual` is what an RSA key is for that does not say. Keys that are not
 * for us are left out and counted, and `error` says why the first of them was; none left is
 * -EINVAL. */
MUST_USE int keys_add_jwks(struct keys *keys, enum keys_origin origin, enum algorithm rsa_usual,
                           struct text json, unsigned *ret_left_out, char *error,
                           size_t error_size);
/* All of another set, shared with it. -E2BIG: more than KEYS_MAX, and nothing is added. */
MUST_USE int keys_add_all(struct keys *keys, const struct keys *others);

unsigned keys_count(const struct keys *keys);
const struct key *keys_at(const struct keys *keys, unsigned index);
