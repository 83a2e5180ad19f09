/* SPDX-License-Identifier: MIT */
/*
 * What the log says of a server in trouble: compares what the counters say now with what they said
 * last time, and makes a line of whatever a person should know, with what to do about it.
 *
 * A row (a kind of trouble) speaks at once, then after 10 s at the earliest, with the number of
 * what has come since its last line, and ever more rarely while it goes on: after 20 s, 40 s ... 10
 * minutes. After a quiet time as long as the last wait it begins anew.
 *
 * Pure: samples in, lines out; serve's main loop calls it once a second. It sees counters and no
 * clients, so it costs the hot path nothing.
 */
#pragma once

#include <stdint.h>

#include "engine/stats.h"
#include "net/net_stats.h"

enum { WATCH_EVERY_MS = 1000, WATCH_FIRST_MS = 10000, WATCH_LAST_MS = 600000 };
enum { WATCH_ROWS_MAX = 24 };

struct watch_sample {
    struct stats hub;
    struct net_totals net;
    int64_t monotonic_ms, wall_ms;
};

struct watch_row {
    uint64_t said; /* the counter at its last line */
    int64_t said_ms, wait_ms;
};

struct watch {
    struct watch_sample last;
    struct watch_row rows[WATCH_ROWS_MAX];
    uint64_t stalled_ms; /* in which publishers waited and nothing went out, in all */
};

/* What is counted before it is nobody's news. */
void watch_begin(struct watch *watch, const struct watch_sample *now);
/* Calls `each` for every line; keeps the sample for the next time. */
void watch_look(struct watch *watch, const struct watch_sample *now,
                void (*each)(void *context, const char *line), void *context);
