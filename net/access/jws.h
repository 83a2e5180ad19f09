/* SPDX-License-Identifier: MIT */
/*
 * A signed text in JWS's compact form (RFC 7515 section 7.1): taken apart, and its signature
 * checked. What the payload means is not known here.
 *
 * Of the header, `alg` has to be the key's, `kid` chooses among the keys, and `crit` is refused.
 * Nothing else in it changes anything: key material in a header is never used.
 *
 * Its work is linear in the text, times the keys that are tried, of which there are
 * KEYS_TRIED_MAX at most. Pure but for the memory that it holds; any thread.
 */
#pragma once

#include <stdbool.h>

#include "net/access/keys.h"
#include "net/access/token_fault.h"

struct json_t; /* jansson's */

/* Not checked yet: nothing in it is to be believed before jws_check. */
struct jws {
    struct text input;              /* what is signed: borrowed from the text */
    struct text payload, signature; /* decoded, in `room` */
    struct text algorithm, kid;     /* in `header` */
    bool has_kid;
    char *room;            /* owned */
    struct json_t *header; /* owned */
};

/* 0, -ENOMEM, or a token_fault. jws_deinit afterwards where it is 0. The text must outlive it. */
MUST_USE int jws_read(struct text text, struct jws *ret_jws);
/* 0, -ENOMEM, or a token_fault. */
MUST_USE int jws_check(const struct jws *jws, const struct keys *keys);
void jws_deinit(struct jws *jws);
