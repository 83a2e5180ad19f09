/* SPDX-License-Identifier: MIT */
/*
 * The inside of a server, shared by its acceptors: see server.h for its face.
 *
 * Everything is written before the first acceptor starts and is read only from then on, but for
 * this: `connections`, `phase` and `reloads` are atomics; `limits` and the counts of who has
 * reached which phase lie under `lock`. The lock is taken only when the server stops or is given
 * other limits, never for a connection: each acceptor has its own copy of the limits.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "net/connection.h"
#include "net/listener.h"
#include "net/net_stats.h"
#include "net/server.h"

/* Design section 4, "Drain". The stopping thread moves it on, every acceptor follows. */
enum server_phase {
    PHASE_RUNNING,
    PHASE_TAKING, /* accept what waits, read every connection once more */
    PHASE_CLOSED, /* the hub is closed: answer what is left, and end */
};

#define LISTENERS_MAX (LISTEN_MAX + 1) /* the feed's is one more */

struct acceptor;

/* The options that server_reload changes, and what follows from them. */
struct server_limits {
    struct server_options options; /* allow_origin is NULL or `origin` */
    int64_t deadline_ns[DEADLINE_KINDS];
    char origin[ORIGIN_BYTES_MAX + 1];
};

struct server {
    struct hub *hub;
    struct server_options options; /* as it was made */
    int64_t started_ns;
    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    struct acceptor **acceptors;
    unsigned acceptor_count;
    unsigned running; /* acceptors whose thread was started */

    _Atomic uint32_t connections; /* open ones that count against connections_max */
    _Atomic int phase; /* enum server_phase; release by server_stop, acquire by acceptors */

    _Atomic unsigned reloads; /* how often `limits` was changed; release after, acquire by
                                 acceptors */

    pthread_mutex_t lock;
    struct server_limits limits;
    pthread_cond_t reached; /* signalled with `lock` held */
    unsigned accepted;      /* acceptors that have accepted all that waited */
    unsigned taken;         /* acceptors that have read every connection once more */
};

/* A copy of the limits that hold now. Any thread. */
void server_limits_copy(struct server *server, struct server_limits *ret_limits);
/* Sums the counters of all acceptors. Any thread. */
void server_totals(const struct server *server, struct net_totals *ret_totals);
