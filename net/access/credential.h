/* SPDX-License-Identifier: MIT */
/*
 * Where a request's token stands: `Authorization: Bearer TOKEN`, else `?access_token=TOKEN`, else
 * the cookie `fanfare`. The first of them that is there decides, also if it is bad: a page's old
 * cookie must not stand in for the token that its program meant to send.
 *
 * Another scheme than Bearer (a proxy's Basic) is no token of ours. Pure; any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

#define CREDENTIAL_COOKIE "fanfare"

enum credential_place {
    CREDENTIAL_NONE,
    CREDENTIAL_BY_HEADER,
    CREDENTIAL_BY_QUERY,
    CREDENTIAL_BY_COOKIE, /* the browser adds it, whichever page asks */
};

struct credential {
    enum credential_place place;
    struct text token; /* may be empty where it is there: bad */
};

/* `query` is the parameter's value, its `at` NULL where there is none; the others are the fields'
 * values. The result is of them. */
struct credential credential_find(struct text authorization, struct text query, struct text cookie);
