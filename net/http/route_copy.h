/* SPDX-License-Identifier: MIT */
/*
 * Copies of routes, for requests that are not complete when their turn ends: a route that was
 * matched lies in room for the largest one there can be.
 *
 * A text of a route lies in its scratch room or is static; a copy's lie in its own. Any thread.
 */
#pragma once

#include "net/http/route.h"

/* A copy of a route, no larger than it needs to be, to be given to free(); NULL: out of memory. */
MUST_USE struct route *route_copy(const struct route *route);
/* The same with these channels, at most SUBSCRIBER_CHANNELS_MAX, in place of its own. */
MUST_USE struct route *route_copy_with(const struct route *route, const struct text *channels,
                                       unsigned count);
/* Bytes of such a copy. */
size_t route_bytes(const struct route *route);
