/* SPDX-License-Identifier: MIT */
/*
 * base64url without padding (RFC 4648 section 5, RFC 7515 section 2), strictly: no padding, no
 * white space, no other byte, and no bits left over that are not zero. So each run of bytes has
 * exactly one spelling, and a token cannot be written in a second way.
 *
 * Pure. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* Room for what so many letters can mean, and for the letters of so many bytes. */
#define BASE64URL_BYTES(letters) ((letters) / 4 * 3 + 2)
#define BASE64URL_LETTERS(bytes) (((bytes) + 2) / 3 * 4)

/* False: it is not base64url. */
MUST_USE bool base64url_decode(struct text letters, unsigned char *out, size_t *ret_len);
/* How many letters it wrote; no NUL behind them. */
size_t base64url_encode(const unsigned char *bytes, size_t len, char *out);
