/* SPDX-License-Identifier: MIT */
/* Memory, the end, and what is written down: rows of `serve`'s table, see options.h. */
#include "lib/options.h"

static const struct option rows[] = {
    {.group = "Running",
     .name = "drain-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .max = HOUR_MS,
     .usual = "8",
     .help = "When stopping, time for everything: answers, and slow clients that get the rest",
     .from = FROM_ANY,
     SETTING(hub.drain_timeout_ms)},
    {.name = "memory-max",
     .type = VALUE_SIZE,
     .shown = "SIZE",
     .min = 1 << 20,
     .max = INT64_C(1024) << 30,
     .or_zero = true,
     .usual_said = "half of what the machine or cgroup allows",
     .help = "Keep events, subscribers and connections below this; 0: no bound",
     .from = FROM_ANY,
     SETTING(hub.memory_max)},
    {.name = "access-log",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help = "Append a line for each join, leave, refusal and request to this file; SIGHUP opens "
             "it again",
     .from = FROM_ANY,
     .restart = true,
     SETTING(access_log)},
    {.name = "access-log-sample",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = 1000 * 1000 * 1000,
     .usual = "1",
     .help = "Write one request of N there; joins, leaves and refusals always",
     .from = FROM_ANY,
     SETTING(server.access_log_sample)},
};

const struct option_table options_running = {rows, sizeof(rows) / sizeof(rows[0])};
