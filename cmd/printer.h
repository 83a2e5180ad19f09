/* SPDX-License-Identifier: MIT */
/*
 * How fanfare sub prints an event: for people (time, id, type, data), as JSON, or the data alone.
 *
 * For people, control characters are shown as \xNN: what a stranger publishes must not steer the
 * reader's terminal. sub's thread; prints on stdout and does not flush.
 */
#pragma once

#include "cmd/event_reader.h"

enum print_form { PRINT_READABLE, PRINT_JSON, PRINT_RAW };

void print_event(const struct read_event *event, enum print_form form);
