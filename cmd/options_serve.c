/* SPDX-License-Identifier: MIT */
/* `serve`: its tables in the order of --help, the one about the process, and where its defaults
 * differ from the library's. */
#include "cmd/options.h"

#define SERVE(member)                                                                              \
    .offset = offsetof(struct serve_settings, member),                                             \
    .size = sizeof(((struct serve_settings *)0)->member)

static const struct option rows[] = {
    {.name = "log",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "standard error",
     .help = "Append log lines to this file; SIGHUP opens it again",
     .from = FROM_ANY,
     SERVE(log)},
    {.name = "config",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help = "Read options from a file of `key = value` lines, # comments; SIGHUP reads it again",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     SERVE(config)},
    {.name = "check",
     .type = VALUE_FLAG,
     .help = "Check the configuration, print it as a file, and exit",
     .from = FROM_FLAG,
     SERVE(check)},
};
static const struct option_table options_process = {rows, sizeof(rows) / sizeof(rows[0])};

static const struct option_table *const tables[] = {
    &options_address,  &options_site,    &options_access,  &options_streams,
    &options_requests, &options_running, &options_process,
};

/* A server is of use alone, where an engine in another program does nothing unasked. */
static const struct usual usuals[] = {
    {"listen", "127.0.0.1:8080", NULL},
    {"routes", NULL, "all"},
    {"feed", NULL,
     "$XDG_RUNTIME_DIR/fanfare.sock, else /run/fanfare/feed.sock, else in /tmp/fanfare-UID"},
    {"host", NULL, "any; without --listen localhost, 127.0.0.1, [::1] and this machine's name"},
};

const struct command command_serve = {
    .name = "serve",
    .synopsis = "[OPTION]...",
    .summary = "Run the server",
    .text = "Takes events from publishers (HTTP POST, and a feed socket for programs on this\n"
            "machine) and writes each to every subscriber of its channel. SIGTERM and\n"
            "Ctrl-C end it in order: everything accepted is delivered first.\n",
    .examples = "  fanfare serve                            on 127.0.0.1:8080, with a feed\n"
                "  fanfare serve --listen 0.0.0.0:80 --publish-token-file /etc/fanfare.tokens\n"
                "  fanfare serve --config /etc/fanfare.conf --check     is this file right?\n",
    .tables = tables,
    .table_count = sizeof(tables) / sizeof(tables[0]),
    .usuals = usuals,
    .usual_count = sizeof(usuals) / sizeof(usuals[0]),
};
