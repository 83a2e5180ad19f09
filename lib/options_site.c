/* SPDX-License-Identifier: MIT */
/* What front ends of the operator's find: rows of `serve`'s table, see options.h. */
#include "lib/options.h"

static const struct option rows[] = {
    {.group = "Front ends",
     .name = "default-channel",
     .type = VALUE_TEXT,
     .shown = "NAME",
     .usual_said = "none",
     .help = "The channel that /events without one means, and /stream and /send too; without this "
             "/events needs a channel (else 400) and those two mean `default`",
     .from = FROM_ANY,
     SETTING(server.default_channel)},
    {.name = "path",
     .type = VALUE_TEXT,
     .shown = "'PATH=CHANNEL'",
     .usual_said = "none",
     .help = "Front ends keep their URLs: GET PATH is a stream of CHANNEL and POST PATH publishes "
             "there, as /events/CHANNEL and /publish/CHANNEL; 'PREFIX/*=*' is every path below "
             "PREFIX, and what stands there the channel; may be repeated, the first that fits "
             "holds. Paths of the server's own stay what they are",
     .from = FROM_ANY,
     SETTING(server.path),
     .list_max = PATHS_MAX,
     .count_offset = offsetof(struct settings, server.path_count)},
    {.name = "page",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "the live page",
     .help = "Serve this file at /, as what its ending says (.html, .txt, .svg, .json...); at most "
             "1 MiB, read at start and at SIGHUP",
     .from = FROM_ANY,
     SETTING(server.page)},
    {.name = "header",
     .type = VALUE_TEXT,
     .shown = "'NAME: VALUE'",
     .usual_said = "none",
     .help = "This line in the head of all answers; may be repeated. Lines that the server says "
             "itself are refused",
     .from = FROM_ANY,
     SETTING(server.header),
     .list_max = HEAD_LINES_MAX,
     .count_offset = offsetof(struct settings, server.header_count),
     .by_line = true},
    {.name = "stream-header",
     .type = VALUE_TEXT,
     .shown = "'PATTERN NAME: VALUE'",
     .usual_said = "none",
     .help = "This line in the head of streams of channels that the pattern matches, * being any "
             "run of bytes; may be repeated, a stream has those of all its channels, each once",
     .from = FROM_ANY,
     SETTING(server.stream_header),
     .list_max = HEAD_LINES_MAX,
     .count_offset = offsetof(struct settings, server.stream_header_count),
     .by_line = true},
    {.name = "charset",
     .type = VALUE_FLAG,
     .usual = "no",
     .help = "Streams say `text/event-stream; charset=utf-8`, for clients that look for it",
     .from = FROM_ANY,
     SETTING(server.charset)},
};

const struct option_table options_site = {rows, sizeof(rows) / sizeof(rows[0])};
