/* SPDX-License-Identifier: MIT */
/*
 * What a hub is made with: the choices of whoever embeds it, which each worker keeps a copy of.
 *
 * Plain data. hub_options_default fills it, hub_new checks it, hub_reload changes what may change
 * while the hub runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* IO_URING is the best variant that the kernel allows, IO_URING_COMPAT the one for before 6.13. */
enum io_choice { IO_AUTO, IO_URING, IO_URING_COMPAT, IO_EPOLL };
enum slow_policy { SLOW_DISCONNECT, SLOW_SKIP };
enum stuck_policy { STUCK_DISCONNECT, STUCK_SKIP };

struct hub_options {
    unsigned workers; /* 1 to WORKERS_MAX */
    enum io_choice io;
    uint32_t
        worker_subscribers;    /* the most one worker takes; lowered to what RLIMIT_NOFILE allows */
    uint32_t descriptors_kept; /* of RLIMIT_NOFILE, for what of the process is no subscriber */
    const char *const *rules;  /* for channels, as engine/rule.h has them; borrowed, where they
                                  have a fault -EINVAL is all that is said */
    unsigned rule_count;
    uint32_t history_events; /* of channels whose rule names none, and so the next four */
    uint64_t history_bytes;
    uint32_t history_age_s;
    uint32_t idle_timeout_ms;  /* a response without an event for so long is ended; 0: never */
    uint32_t lifetime_ms;      /* a response is ended at 80 to 100 percent of it; 0: never */
    uint32_t end_keep_s;       /* for how long an ended channel stays so */
    uint32_t heartbeat_s;      /* 0: none */
    uint32_t retry_ms;         /* what `retry:` tells a client */
    uint32_t write_timeout_ms; /* a subscriber that took nothing for so long is stuck; 0: never */
    enum stuck_policy stuck;
    uint32_t slow_after_ms;
    uint64_t slow_rate;   /* bytes per second */
    uint32_t hold_max_ms; /* how long a crowd of laggards may hold a channel; see lag.c */
    enum slow_policy slow;
    uint32_t drain_timeout_ms;
    bool opaque_ids;     /* which say nothing about other channels; see id.h */
    uint64_t memory_max; /* bytes for events, subscribers and connections; 0: no bound */
    bool subscriber_ids; /* streams have ids, so that they can be looked at one by one; costs each
                            a line of cache */
};
