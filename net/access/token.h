/* SPDX-License-Identifier: MIT */
/*
 * A token (a JWT, RFC 7519) becomes a grant, or a reason why not.
 *
 * The form, the signature, the claims and the times are looked at in this order, and the first
 * fault decides. Nothing that is said about a token has text of it.
 *
 * Pure; any thread.
 */
#pragma once

#include "net/access/grant.h"
#include "net/access/keys.h"
#include "net/access/token_fault.h"

/* 0, -ENOMEM, or a token_fault. `now_s` is Unix time. */
MUST_USE int token_verify(const struct keys *keys, struct text token, int64_t now_s,
                          struct grant **ret_grant);
