/* SPDX-License-Identifier: MIT */
/*
 * How fanfare sub prints an event: for people (time, id, type, data), as JSON, or the data alone.
 *
 * What a stranger publishes must not steer the reader's terminal: for people it is escaped
 * (lib/terminal.h), in JSON as JSON does, and the data alone keeps its bytes in a pipe or file and
 * is escaped on a terminal. sub's thread; prints on stdout and does not flush.
 */
#pragma once

#include "cmd/event_reader.h"

enum print_form { PRINT_READABLE, PRINT_JSON, PRINT_RAW };

void print_event(const struct read_event *event, enum print_form form);
