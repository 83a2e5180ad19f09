/* SPDX-License-Identifier: MIT */
/* `serve`: its tables in the order of --help, and the one about the process. */
#include "cmd/options_serve.h"

static const struct option rows[] = {
    {.group = "Running",
     .name = "drain-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .max = HOUR_MS,
     .usual = "8",
     .help = "When stopping, time for everything: answers, and slow clients that get the rest",
     .from = FROM_ANY,
     SERVE(hub.drain_timeout_ms)},
    {.name = "memory-max",
     .type = VALUE_SIZE,
     .shown = "SIZE",
     .min = 1 << 20,
     .max = INT64_C(1024) << 30,
     .or_zero = true,
     .usual_said = "half of what the machine or cgroup allows",
     .help = "Keep events, subscribers and connections below this; 0: no bound",
     .from = FROM_ANY,
     SERVE(hub.memory_max)},
    {.name = "log",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "standard error",
     .help = "Append log lines to this file; SIGHUP opens it again",
     .from = FROM_ANY,
     SERVE(log)},
    {.name = "access-log",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help = "Append a line for each join, leave, refusal and request to this file; SIGHUP opens "
             "it again",
     .from = FROM_ANY,
     .restart = true,
     SERVE(access_log)},
    {.name = "access-log-sample",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = 1000 * 1000 * 1000,
     .usual = "1",
     .help = "Write one request of N there; joins, leaves and refusals always",
     .from = FROM_ANY,
     SERVE(server.access_log_sample)},
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
static const struct option_table options_running = {rows, sizeof(rows) / sizeof(rows[0])};

static const struct option_table *const tables[] = {
    &options_address, &options_site,     &options_access,
    &options_streams, &options_requests, &options_running,
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
};
