/* SPDX-License-Identifier: MIT */
/*
 * The lines of a server that has started: where it listens, what it has room for, and which of the
 * machine's limits are below what was asked for.
 *
 * They go to standard output, for people and for programs that wait for them (the first one comes
 * when connections are accepted), and to the --log file too, where one looks later. Main thread.
 */
#pragma once

#include <sys/resource.h>

#include "cmd/options.h"

struct fanfare;

/* `descriptors`: what the process may have. */
void announce(const struct serve_settings *settings, const struct fanfare *fanfare,
              rlim_t descriptors);
