/* SPDX-License-Identifier: MIT */
/*
 * Where the feed socket is when nobody says: one order of places, for the server that makes it and
 * for the publisher that looks for it.
 *
 *   1. $XDG_RUNTIME_DIR/fanfare.sock    a person's own server
 *   2. /run/fanfare/feed.sock           the machine's server; root makes the directory
 *   3. /tmp/fanfare-UID/feed.sock       neither is there (a container, su): a directory only we own
 *
 * Main thread only.
 */
#pragma once

#include <stdbool.h>
#include <sys/un.h>

#include "engine/base/base.h"

struct feed_path {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char note[256]; /* why it is not the first choice, for a log line; may be empty */
};

/* For the server: the first place where a socket can be made, its directory made if need be. 0, or
 * a negative errno with the reason in `note`. */
MUST_USE int feed_path_make(struct feed_path *ret_path);

/* For a person: where feed_path_make would put it, without making a directory. */
void feed_path_expect(struct feed_path *ret_path);

/* For a publisher: the first place with a socket that we may write to, else the first one with any.
 * 0, or -ENOENT. */
MUST_USE int feed_path_find(struct feed_path *ret_path);
