/* SPDX-License-Identifier: MIT */
/*
 * Who needs a token, and what a token is worth: publish tokens and keys from their files, and the
 * patterns of what may be read without one.
 *
 * Made from the options, with the files read, and immutable from then on; shared by reference
 * count. A reload makes a new one, so that keys rotate while streams go on: those keep what they
 * were granted until its own end.
 *
 *   publish tokens alone   publishing needs one of them, reading needs nothing
 *   keys                   publishing and reading need a JWT; reading what is anonymous does not
 *   both                   either is enough for publishing; a publish token reads nothing
 *
 * Pure but for reading the files. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "net/access/algorithm.h"
#include "net/access/grant.h"
#include "net/access/keys.h"

#define ACCESS_KEY_FILES_MAX 16 /* more than any rotation needs; picked by hand */
#define ACCESS_PATTERNS_MAX  64 /* picked by hand */

/* Borrowed for the call of access_new. */
struct access_options {
    const char *publish_token_file;   /* NULL: none */
    const char *const *jwt_key_files; /* one key each */
    unsigned jwt_key_file_count;
    enum algorithm jwt_algorithm; /* of all of them */
    const char *jwks_file;        /* NULL: none */
    bool keys_come;               /* from elsewhere, later: `fetched` of access_judge */
    const char *const *anonymous; /* patterns: engine/base/pattern.h */
    unsigned anonymous_count;
};

struct access;

/* 0 with NULL in *ret_access where nothing needs a token; -ENOMEM; or a negative errno with one
 * sentence in `error` that names the option. */
MUST_USE int access_new(const struct access_options *options, struct access **ret_access,
                        char *error, size_t error_size);
/* Both take NULL; the second returns it. */
struct access *access_ref(struct access *access);
struct access *access_unref(struct access *access);

/* NULL: nobody needs any. */
bool access_needs_token(const struct access *access, enum grant_right right);
/* May be read by whoever asks. */
bool access_is_anonymous(const struct access *access, struct text channel);
/* What the token grants: 0, -ENOMEM, or a positive enum token_fault. `fetched` are keys beside its
 * own, or NULL; `now_s` is Unix time. */
MUST_USE int access_judge(const struct access *access, const struct keys *fetched,
                          struct text token, int64_t now_s, struct grant **ret_grant);
