/* SPDX-License-Identifier: MIT */
/*
 * The options of an engine: the one list from which fanfare_set, the command line of `fanfare
 * serve`, its configuration file, its --help and the manual are made. A table has its file,
 * lib/options_NAME.c, and holds one group of --help or more.
 *
 * A row is: its heading if it begins a group, name, type, how --help shows the value, range or
 * choices, default, what it does, where it may be given, whether only a restart changes it, and the
 * member it fills. Defaults are those of the library; a server that differs says so
 * (cmd/options_serve.c).
 *
 * Ranges are wide: they refuse what cannot work, not what is unusual. Upper ends that no limit of
 * engine/limits.h gives were picked by hand as "nobody means more".
 *
 * Immutable; any thread.
 */
#pragma once

#include <stddef.h>

#include "lib/settings.h"
#include "lib/value.h"

#define SETTING(member)                                                                            \
    .offset = offsetof(struct settings, member), .size = sizeof(((struct settings *)0)->member)

enum { HOUR_MS = 3600 * 1000, WEEK_MS = 7 * 24 * HOUR_MS, YEAR_SECONDS = 366 * 24 * 3600 };

/* In the order of --help. */
extern const struct option_table options_address, options_site, options_access, options_streams,
    options_requests, options_running;
/* What only a program around the engine can use: behind all others, and none of `serve`. */
extern const struct option_table options_embed;

#define ROWS_MAX             128 /* of all tables; checked */
#define OPTION_ALLOWED_BYTES 128

/* All of them in a row; NULL: behind the last. */
const struct option *option_at(unsigned index);
/* -1: there is none of that name. */
int option_index(const char *name);
/* The heading that a row stands below. */
const char *option_group(unsigned index);
/* What its value may be, for a person; empty where anything goes. Static text. */
const char *option_allowed(unsigned index);
