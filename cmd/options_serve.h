/* SPDX-License-Identifier: MIT */
/*
 * The tables of `serve`, which cmd/options_serve.c puts in a row: a table has its file,
 * cmd/options_NAME.c, and holds one group of --help or more.
 *
 * A row is: its heading if it begins a group, name, type, how --help shows the value, range or
 * choices, default, what it does, where it may be given, whether only a restart changes it, and the
 * member it fills.
 *
 * Ranges are wide: they refuse what cannot work, not what is unusual. Upper ends that no limit of
 * engine/limits.h gives were picked by hand as "nobody means more".
 */
#pragma once

#include "cmd/options.h"

#define SERVE(member)                                                                              \
    .offset = offsetof(struct serve_settings, member),                                             \
    .size = sizeof(((struct serve_settings *)0)->member)

enum { HOUR_MS = 3600 * 1000, WEEK_MS = 7 * 24 * HOUR_MS, YEAR_SECONDS = 366 * 24 * 3600 };

/* In the order of --help. */
extern const struct option_table options_address, options_site, options_access, options_streams,
    options_requests;
