/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of `fanfare token` share: cmd/token.c reads the key and makes tokens,
 * cmd/token_explain.c explains them. Main thread.
 */
#pragma once

#include "cmd/options.h"

struct keys;

/* Explains the token on standard input; the exit status. `keys` may be NULL. */
MUST_USE int token_explain(const struct keys *keys);
