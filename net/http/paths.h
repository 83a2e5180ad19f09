/* SPDX-License-Identifier: MIT */
/*
 * Paths of the operator's choice that mean a channel (--path), so that front ends keep their URLs.
 *
 * "PATH=CHANNEL" is one path. "PREFIX/" with a star behind it, "=" and a channel's name with a star
 * in it is every path below PREFIX: what comes behind it, percent-decoded, takes the star's place.
 * The first mapping that fits holds. A path is compared as clients send it. A path whose first
 * segment is one of the server's own is never mapped, whether that route is switched on or not:
 * nothing of ours can be hidden, and nothing that is switched off comes back as something else.
 *
 * A list is compiled once and immutable. Which channel a path means is all that is decided here:
 * whoever asks for it goes through the same checks as one who names the channel. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct paths;

/* `specs` are borrowed for the call. 0, -ENOMEM, or -EINVAL with one sentence in `error`. */
MUST_USE int paths_new(const char *const *specs, unsigned count, struct paths **ret_paths,
                       char *error, size_t error_size);
/* Takes NULL; returns NULL. */
struct paths *paths_free(struct paths *paths);

/* A channel's name: `rest`, still percent-encoded, stands between the two others. */
struct paths_match {
    struct text before, rest, behind; /* of the list, of the path, of the list */
};

/* NULL is a list of none. `path` has no query. */
MUST_USE bool paths_find(const struct paths *paths, struct text path,
                         struct paths_match *ret_match);

/* Whether the server answers something itself at this path, or below its first segment. */
bool paths_is_own(struct text path);
