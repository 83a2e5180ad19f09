/* SPDX-License-Identifier: MIT */
/*
 * SIGHUP for `fanfare serve`: the log files are opened again, the options are read again, and what
 * can change while the program runs does.
 *
 * The same flags and environment hold as at the start, so it is the file that brings changes. A
 * fault in it leaves every option as it was. An option that needs a restart keeps its value and is
 * named in the log, each time until then. Nobody is disconnected, whatever changes.
 *
 * Two readings are kept: the first, for what needs a restart stays as it said; and the one that
 * holds now. Main thread.
 */
#pragma once

#include "cmd/options.h"

struct fanfare;

struct reading {
    struct parse parse;
    struct serve_settings settings;
};

struct reload {
    const struct parse *parse; /* what holds now */
    struct serve_settings *settings;
    struct reading *reading; /* of both, if it is not the first */
    struct fanfare *fanfare;
};

/* What was read first belongs to the caller, who keeps it until reload_free. */
void reload_init(struct reload *reload, const struct parse *parse, struct serve_settings *settings,
                 struct fanfare *fanfare);
/* Does it, and says in the log what came of it. */
void reload_run(struct reload *reload);
void reload_free(struct reload *reload);

/*
 * Compares two readings of one command, row by row. `next` keeps the value of `now` where only a
 * restart could change it. Calls `each` for every row that differs, with both values as they were
 * given; returns how many do.
 */
unsigned reload_compare(const struct parse *now, struct parse *next,
                        void (*each)(void *context, const struct option *option, const char *was,
                                     const char *is),
                        void *context);
