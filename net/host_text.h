/* SPDX-License-Identifier: MIT */
/*
 * What the host may read of a request that it was given (host.h): by name, each made when it is
 * first asked for and kept with the request, so that it stays where it is until the answer.
 *
 *   method, target, path (decoded), version (1.0, 1.1)
 *   query:NAME     decoded, the first of that name
 *   header:NAME    in any case; several joined by ", ", cookies by "; "
 *   body           whole, without chunks; not there where the request has none
 *   peer           an address, `unix` or `unknown`; behind a trusted proxy whom that names
 *   channels       those of the URL, one a line
 *   resume         the client's last id, valid or not
 *
 * The thread that has the request, which is any.
 */
#pragma once

#include "net/host.h"

/* It ends with a NUL behind it. `at` NULL: it is not there, or a query's value has a NUL in it,
 * which would end it early for whoever reads C strings; or there is no memory. */
struct text host_text(struct host_request *request, const char *item);
