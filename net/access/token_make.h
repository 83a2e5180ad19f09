/* SPDX-License-Identifier: MIT */
/*
 * Makes tokens: what `fanfare token make` prints, and what tests and fuzz targets sign. The server
 * itself makes none.
 *
 * Pure; any thread.
 */
#pragma once

#include "net/access/key.h"

/* Borrowed for the call of token_make. */
struct token_order {
    const struct key *key; /* a secret or a private key */
    const struct text *subscribe;
    size_t subscribe_count;
    const struct text *publish;
    size_t publish_count;
    int64_t issued_at_s; /* Unix time */
    int64_t ends_at_s;   /* GRANT_NEVER: it does not */
};

/* 0 with a token for the caller to free, -ENOMEM, or -EINVAL: the key cannot sign, or a pattern is
 * no UTF-8. */
MUST_USE int token_make(const struct token_order *order, char **ret_token);

/* Signs a header and a payload as they are; results as above. */
MUST_USE int token_sign(const struct key *key, struct text header, struct text payload,
                        char **ret_token);
