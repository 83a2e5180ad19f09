/* SPDX-License-Identifier: MIT */
/*
 * Writes events in the grammar that the feed and `POST /publish` read, and reads the lines that
 * `fanfare pub` makes them of.
 *
 * Text goes in as it is; what the server must judge (lengths, UTF-8) is left to it. Only line
 * breaks are handled here, since a line break inside a field would begin another field: data is
 * parted into `data:` lines, and for the other fields event_field_fits says no.
 *
 * pub's thread only.
 */
#pragma once

#include "cmd/event_reader.h"
#include "cmd/options.h"

/* True if the text stays one field: no CR, LF or NUL. */
bool event_field_fits(const char *text);

/* Appends one event, with `ack` unless that is 0. `ends`: it ends the channel; then `data` may be
 * NULL, and it is nothing else. 0, -ENOMEM, or -EMSGSIZE beyond `max`. */
MUST_USE int event_write(struct buffer *out, const struct pub_settings *settings,
                         const char *channel, struct text data, bool ends, uint64_t ack,
                         size_t max);

/* Lines of a descriptor, each without its line end (LF or CR LF). */
struct line_reader {
    struct buffer buffer;
    size_t at; /* of the first byte not given out yet */
    bool ended;
};

/* Reads once. 0, or a negative errno: -EMSGSIZE if a line is longer than an event may be. Not to be
 * called while line_next has more; its texts are void afterwards. */
MUST_USE int line_read(struct line_reader *reader, int fd);
/* The next whole line, at the end of input the rest too. False: read first, or ended. */
bool line_next(struct line_reader *reader, struct text *ret_line);
