/* SPDX-License-Identifier: MIT */
/*
 * Log lines: "2026-11-27 04:09:27 warning  text", one whole line per call, for people to read: on
 * stderr or at the end of a file.
 *
 * Written with one write(2), so lines of several threads or processes do not mix. Any thread, but
 * for log_open. No levels to choose: what is not worth reading is not logged. A line that cannot be
 * written (a full disk) is lost and stops nobody.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* Goes on in this file, NULL: on stderr; the same path again opens what is there now. 0, or a
 * negative errno, and it goes on where it was; -ELOOP: a link of another user's is in its place.
 * Main thread. */
MUST_USE int log_open(const char *path);

/* Whether it is a file; otherwise everything is on stderr. Main thread. */
bool log_has_file(void);

__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);

/* What a command says when it cannot go on: "fanfare serve: text", and no time. */
__attribute__((format(printf, 2, 3))) void log_complain(const char *command, const char *format,
                                                        ...);
