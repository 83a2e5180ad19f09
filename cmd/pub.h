/* SPDX-License-Identifier: MIT */
/*
 * The two ways of fanfare pub to a server: the feed socket and HTTP. Both take one event (`data`)
 * or one per line of standard input, go on after an event that is refused, and return the exit
 * status.
 *
 * A refused event is complained about on stderr with the server's own sentence, and with the number
 * of its line when there are lines.
 */
#pragma once

#include "cmd/event_writer.h"

struct publication {
    const struct pub_settings *settings;
    const char *channel; /* NULL: to all */
    const char *data;    /* NULL: the lines of standard input */
};

MUST_USE int pub_over_feed(const struct publication *publication, const char *path);
MUST_USE int pub_over_http(const struct publication *publication);

/* Prints the id of a published event, of which a server says what it likes. */
void pub_print_id(struct text id);
/* Complains about the event of that number (from 1), or of the line if there are lines. */
void pub_complain(const struct publication *publication, uint64_t number, struct text sentence);
