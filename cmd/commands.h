/* SPDX-License-Identifier: MIT */
/*
 * The commands behind the names on the command line. Each runs on the main thread and returns the
 * exit status of the program: 0 done, 1 it failed while running, 2 it was asked for wrongly.
 */
#pragma once

#include "cmd/options.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

MUST_USE int serve_run(const struct parse *parse, struct serve_settings *settings);
MUST_USE int pub_run(const struct parse *parse, const struct pub_settings *settings);
MUST_USE int sub_run(const struct parse *parse, const struct sub_settings *settings);
MUST_USE int ctl_run(const struct parse *parse, const struct ctl_settings *settings);
MUST_USE int token_run(const struct parse *parse, const struct token_settings *settings);
