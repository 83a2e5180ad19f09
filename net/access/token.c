/* SPDX-License-Identifier: MIT */
/* Tokens: see token.h. */
#include "net/access/token.h"

#include "net/access/claims.h"
#include "net/access/jws.h"

static int read_checked(struct text payload, int64_t now_s, struct grant **ret_grant)
{
    struct claims claims;
    int r = claims_read(payload, &claims);
    if (r)
        return r;
    r = claims_hold(&claims, now_s);
    if (!r)
        *ret_grant = TAKE(claims.grant);
    claims_deinit(&claims);
    return r;
}

int token_verify(const struct keys *keys, struct text token, int64_t now_s,
                 struct grant **ret_grant)
{
    struct jws jws;
    int r = jws_read(token, &jws);
    if (r)
        return r;
    r = jws_check(&jws, keys);
    if (!r)
        r = read_checked(jws.payload, now_s, ret_grant);
    jws_deinit(&jws);
    return r;
}
