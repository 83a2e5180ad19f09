/* SPDX-License-Identifier: MIT */
/*
 * What the server is put together from: the kinds of connections that it serves. Immutable.
 *
 * Whoever makes a server passes this to server_new; nothing in net/ below the handlers names a
 * kind.
 */
#pragma once

struct server_parts; /* net/service.h */

extern const struct server_parts server_parts;
