/* SPDX-License-Identifier: MIT */
/*
 * Where the feed's and the administration's sockets are when nobody says: one order of places, for
 * the server that makes one and for the program that looks for it.
 *
 *   1. $XDG_RUNTIME_DIR/fanfare.sock    a person's own server
 *   2. /run/fanfare/feed.sock           the machine's server; root makes the directory
 *   3. /tmp/fanfare-UID/feed.sock       neither is there (a container, su): a directory only we own
 *
 * and likewise fanfare-admin.sock, admin.sock.
 *
 * Main thread only.
 */
#pragma once

#include <stdbool.h>
#include <sys/un.h>

#include "engine/base/base.h"

enum socket_use { SOCKET_FEED, SOCKET_ADMIN };

struct socket_path {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char note[256]; /* why it is not the first choice, for a log line; may be empty */
};

/* For the server: the first place where a socket can be made, its directory made if need be. 0, or
 * a negative errno with the reason in `note`. */
MUST_USE int socket_path_make(enum socket_use use, struct socket_path *ret_path);

/* For a person: where socket_path_make would put it, without making a directory. */
void socket_path_expect(enum socket_use use, struct socket_path *ret_path);

/* For a client: the first place with a socket that we may write to, else the first one with any.
 * 0, or -ENOENT. */
MUST_USE int socket_path_find(enum socket_use use, struct socket_path *ret_path);
