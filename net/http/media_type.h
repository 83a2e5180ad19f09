/* SPDX-License-Identifier: MIT */
/*
 * Content-Type values (RFC 9110 section 8.3): the parts of one, and whether its charset is ours;
 * and whether an Accept value (section 12.5.1) asks for one.
 *
 * Pure: no state, no allocation; what is given back lies in what was given. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* Cuts the next part off a header value, up to a ';' outside of quotes, without the spaces around
 * it: the media type first, then its parameters. */
struct text media_type_next(struct text *rest);

/* True if an Accept value names this very type, and not only a range that it is in. */
bool media_type_is_asked_for(struct text accept, const char *type);

/* True if no charset parameter says another than UTF-8, by one of its usual labels, or ASCII, which
 * is a part of it. `parameters` is what follows the media type. */
bool media_type_is_utf_8(struct text parameters);
