/* SPDX-License-Identifier: MIT */
/*
 * A place: where something is fetched from, as the configuration says it.
 *
 * "http://HOST[:PORT]/PATH", "https://..." or "unix:SOCKET:/PATH". It is checked once and never
 * changes; nothing that a client sends gets into it. A name and a password in it are refused, since
 * it stands on a command line and is shown. Plain data, no I/O. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

#define PLACE_URL_BYTES  2048
#define PLACE_UNIX_BYTES 108 /* of sockaddr_un */

struct fetch_place {
    char url[PLACE_URL_BYTES];
    char unix_path[PLACE_UNIX_BYTES]; /* empty: over TCP */
};

/* Whether it is meant as a place and not as a file. */
bool fetch_place_is(const char *text);
/* NULL and the place, or what is wrong: the rest of a sentence, static. */
const char *fetch_place_read(const char *text, struct fetch_place *ret_place);
