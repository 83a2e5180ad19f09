/* SPDX-License-Identifier: MIT */
/*
 * What the server is put together from: its routes, each with its handler, and the kinds of
 * connections that it serves. A new route is a file of this folder and a row here.
 *
 * Whoever makes a server passes parts_all to server_new; nothing of net/ below the handlers names
 * one of them. Immutable.
 */
#pragma once

struct route_table;  /* net/http/route.h */
struct server_parts; /* net/service.h */

extern const struct route_table parts_routes;
extern const struct server_parts parts_all;
