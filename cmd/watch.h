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

/* What it looks at, by the names of fanfare_stat: of the engine, and of its connections. */
#define WATCH_HUB(X)                                                                               \
    X(published)                                                                                   \
    X(channels_held)                                                                               \
    X(workers_failed)                                                                              \
    X(refused_full)                                                                                \
    X(refused_memory)                                                                              \
    X(closed_memory)                                                                               \
    X(closed_slow)                                                                                 \
    X(closed_stuck)                                                                                \
    X(skipped)                                                                                     \
    X(evicted_memory)                                                                              \
    X(intake_stalled)
#define WATCH_NET(X)                                                                               \
    X(access_log_lost)                                                                             \
    X(connections_refused_descriptors)                                                             \
    X(connections_refused_limit)                                                                   \
    X(connections_refused_memory)                                                                  \
    X(connections_refused_proxy)                                                                   \
    X(connections_refused_rate)                                                                    \
    X(connections_refused_untrusted)                                                               \
    X(feeds_refused_peer)                                                                          \
    X(forwarded_broken)                                                                            \
    X(jwks_failed)                                                                                 \
    X(listeners_rested)                                                                            \
    X(publishes_refused_busy)                                                                      \
    X(publishes_waited)                                                                            \
    X(publishes_waiting)                                                                           \
    X(requests_refused_authorize_answer)                                                           \
    X(requests_refused_authorize_failed)                                                           \
    X(requests_refused_authorize_full)                                                             \
    X(requests_refused_authorize_timeout)                                                          \
    X(requests_refused_memory)                                                                     \
    X(subscribers_refused)                                                                         \
    X(subscribers_refused_address)                                                                 \
    X(subscribers_refused_channel)                                                                 \
    X(subscribers_refused_memory)                                                                  \
    X(timeouts_idle)

enum { WATCH_EVERY_MS = 1000, WATCH_FIRST_MS = 10000, WATCH_LAST_MS = 600000 };
enum { WATCH_ROWS_MAX = 24 };

struct watch_sample {
#define X(name) uint64_t name;
    struct {
        WATCH_HUB(X)
    } hub;
    struct {
        WATCH_NET(X)
    } net;
#undef X
    int64_t monotonic_ms, wall_ms;
};

/* Fills the numbers, each by its name. */
void watch_read(struct watch_sample *ret_sample,
                uint64_t (*number)(void *context, const char *name), void *context);

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
