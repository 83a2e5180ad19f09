/* SPDX-License-Identifier: MIT */
/*
 * The claims of a token (RFC 7519) that mean something here, read from a payload whose signature
 * was checked: when it begins and ends, who it is, and the claim `fanfare`, which becomes a grant.
 *
 *     {"fanfare": {"subscribe": ["news", "jobs-*"], "publish": []}, "exp": 1764252000}
 *
 * A list that is absent, or null, allows nothing, and so does an absent claim: such a token is good
 * all the same. `iss`, `aud`, `iat` and `jti` are not looked at.
 *
 * Pure; any thread. It does not know what time it is.
 */
#pragma once

#include "net/access/grant.h"
#include "net/access/token_fault.h"

/* In whole seconds of Unix time, rounded up: good while begins_at_s <= now < ends_at_s. */
struct claims {
    int64_t begins_at_s; /* INT64_MIN: has always */
    int64_t ends_at_s;   /* GRANT_NEVER */
    struct grant *grant; /* owned */
};

/* 0, -ENOMEM, or a token_fault. claims_deinit afterwards where it is 0. */
MUST_USE int claims_read(struct text payload, struct claims *ret_claims);
/* TOKEN_OK, TOKEN_EXPIRED or TOKEN_EARLY. */
MUST_USE enum token_fault claims_hold(const struct claims *claims, int64_t now_s);
void claims_deinit(struct claims *claims);
