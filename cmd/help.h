/* SPDX-License-Identifier: MIT */
/*
 * What --help says, made from the tables of cmd/options_NAME.c: what an option does, what may be
 * given and what holds if nothing is. Lines are at most 80 columns.
 *
 * Main thread only.
 */
#pragma once

#include <stdio.h>

#include "cmd/parse.h"

/* `fanfare` alone: the commands. */
void help_short(FILE *out);
/* `fanfare --help`: also the first three steps and where options come from. */
void help_long(FILE *out);
void help_command(FILE *out, const struct command *command);
