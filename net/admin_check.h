/* SPDX-License-Identifier: MIT */
/*
 * The check of what comes over the administration's listener: is it from this machine or from who
 * has a token, and not from a page that somebody's browser shows?
 *
 * Asked of every request there, whatever its path and method, and in place of all other checks:
 * what holds for pages and tokens of the public listeners (--allow-origin, --jwt-key-file, ...)
 * lets nobody in here. In this order:
 *
 *   Host     421. A page whose name was pointed at this machine has that name in it. Over TCP it
 *            is an address, localhost, or a name of --host; any other needs a token to have been
 *            set, which such a page has not got. Over a socket file it is not looked at.
 *   Origin   403. Whatever a browser says is from another origin, a GET too: its answer would not
 *            be shown, but what it asks may be work.
 *   token    401, where --admin-token-file is set: as Authorization: Bearer, and nowhere else.
 *
 * Belongs to the acceptor's thread.
 */
#pragma once

#include "net/client.h"
#include "net/verdict.h"

struct verdict admin_check(struct client *client);
