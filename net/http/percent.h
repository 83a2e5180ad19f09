/* SPDX-License-Identifier: MIT */
/*
 * Percent-encoding (RFC 3986 section 2.1), taken back once: for paths, queries and form bodies.
 *
 * What comes out is bytes: whether they are text (UTF-8, no NUL) is for the user of them to check.
 * Pure; any thread. Used by route.c and publish_body.c.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/*
 * `out` has room for text.len bytes and may be where the text itself begins, to decode in place. In
 * a query or a form `+` is a space, in a path it is not. 0, or -EINVAL: a `%` without two hex
 * digits (then `out` holds a part of the result).
 */
MUST_USE int percent_decode(struct text text, bool plus_is_space, char *out, size_t *ret_len);

/* Of a form's name or value (URL Standard section 5.1): `+` is a space, and a `%` without two hex
 * digits stays as it is. The rest as above. Returns how many bytes there are. */
size_t percent_decode_form(struct text text, char *out);
