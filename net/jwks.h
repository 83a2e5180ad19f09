/* SPDX-License-Identifier: MIT */
/*
 * Keys by URL (--jwt-jwks URL): a JWK set that is fetched at the start, then every JWKS_EVERY_S, at
 * a reload, and when a token names a key that is not known, at most every JWKS_GAP_S.
 *
 * A set that cannot be had, or that has no key for us, changes nothing: the keys that were there
 * hold on, and it is tried again after JWKS_RETRY_S. What came is the server's (server_state_keys),
 * which the acceptors take over like other limits; a set that is the one before is not told. No
 * secret is taken from there.
 *
 * Life: jwks_new -> jwks_start, when the fetcher runs -> the fetcher stops -> jwks_free. All that
 * happens in between is the fetcher's thread, but for jwks_again and jwks_miss.
 */
#pragma once

#include "net/server_state.h"

struct jwks;

/* `changed` is called on the fetcher's thread when other keys hold. 0, or a negative errno; `url`
 * was checked. */
MUST_USE int jwks_new(struct server_state *state, const char *url, void (*changed)(void *context),
                      void *context, struct jwks **ret_jwks);
void jwks_start(struct jwks *jwks);
/* Any thread: it is fetched now. */
void jwks_again(struct jwks *jwks);
/* Any thread: somebody came with a key that is not known; perhaps it is new. */
void jwks_miss(struct jwks *jwks);
/* Takes NULL; returns NULL. */
struct jwks *jwks_free(struct jwks *jwks);
