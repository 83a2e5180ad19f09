/* SPDX-License-Identifier: MIT */
/*
 * What the acceptors of one server share: see server.h for whom it belongs to.
 *
 * Everything is written before the first acceptor starts and is read only from then on, but for
 * this: `connections` and `reloads` are atomics; `limits` and the counts of who has reached which
 * phase lie under `lock`, which is taken only when the server stops or is given other limits, never
 * for a connection: each acceptor has its own copy of the limits. `questions` has its own lock.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "engine/hub.h"
#include "net/fetch/place.h"
#include "net/http/route.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/net_stats.h"
#include "net/questions.h"
#include "net/server_options.h"

/* docs/architecture.md, "Drain". The stopping thread moves it on, every acceptor follows. */
enum server_phase {
    PHASE_RUNNING,
    PHASE_TAKING, /* accept what waits, read every connection once more */
    PHASE_CLOSED, /* the hub is closed: answer what is left, and end */
};

/* A name may have several addresses; the feed's and the hand-off socket's are one more each, and
 * the administration's two. */
#define LISTENERS_KEPT 4u
#define LISTENERS_MAX  (LISTEN_MAX * 2 + LISTENERS_KEPT)
static_assert(LISTENERS_MAX <= SUBSCRIBER_GROUPS_MAX, "subscribers are counted by listener");

/* The options that server_change changes, and what follows from them. */
struct server_limits {
    struct server_options options; /* whose texts may be gone: what is made of them follows */
    int64_t deadline_ns[DEADLINE_KINDS];
    struct route_rules routes;       /* of listeners that say nothing else */
    struct address_ranges trusted;   /* proxies */
    struct policy *policy;           /* a reference of ours */
    struct rules *channels;          /* likewise: of --channel */
    struct access *access;           /* likewise; NULL: nobody needs a token */
    struct token_list *admin_tokens; /* likewise; NULL: the administration asks for none */
    struct site *site;               /* likewise, never NULL; `routes` lie in it */
    struct keys *fetched;      /* likewise; those of --jwt-jwks URL; NULL: none have come yet */
    struct tally *tally;       /* the server's; NULL: there was no cap yet */
    struct connect_rate *rate; /* likewise */
    struct presence *presence; /* likewise; NULL: no rule has asked for it yet */
};

struct server_state {
    struct hub *hub;
    const struct server_parts *parts; /* service.h */
    int64_t started_ns;
    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    unsigned acceptor_count;
    const struct net_stats *stats[ACCEPTORS_MAX]; /* one set an acceptor */

    struct fetcher *fetcher;         /* asks other servers; NULL: nobody is asked */
    struct net_stats fetcher_stats;  /* that its thread counts */
    struct net_stats presence_stats; /* likewise, that of presence */
    struct net_stats adopt_stats;    /* of streams that came over no listener; any thread adds */
    struct jwks *jwks;               /* fetches keys; NULL: there is no URL of any */
    bool authorizes;                 /* the application is asked, at: */
    struct fetch_place authorize_place;

    const struct host_hook *hook; /* whom requests are shown to; NULL: nobody */

    struct questions questions;   /* to the workers, of all acceptors */
    _Atomic uint32_t authorizing; /* questions to it that are not over */
    _Atomic uint32_t connections; /* open ones that count against connections_max */
    _Atomic unsigned reloads;     /* how often `limits` was changed; release after, acquire by
                                 acceptors */

    /* Made when they are first needed, by the thread that owns the server, and kept. */
    struct tally *tally;
    struct connect_rate *rate;
    struct presence *presence;

    struct journal *journal;   /* NULL: none is kept */
    const struct usher *usher; /* NULL: there is none */

    pthread_mutex_t lock;
    struct server_limits limits;
    pthread_cond_t reached; /* signalled with `lock` held */
    unsigned accepted;      /* acceptors that have accepted all that waited */
    unsigned taken;         /* acceptors that have read every connection once more */
};

/* What of the limits a stream comes under that came over no listener: a copy. */
struct stream_limits {
    uint32_t subscribers_max, subscribers_per_address, subscriber_channels_max;
    bool charset, preface, tells_id;
    enum refuse_policy refuse;
    uint32_t retry_ms;
    uint32_t peer_timeout_ms, send_buffer;
    struct rules *channels; /* a reference of ours */
    struct site *site;      /* likewise */
    struct tally *tally;
    struct presence *presence;
};

/* What listeners and accepted sockets are given. */
static inline struct listener_tuning server_tuning(const struct server_options *options)
{
    return (struct listener_tuning){options->peer_timeout_ms, options->send_buffer};
}

/* Takes the rules over. 0, or -ENOMEM; to be deinited in any case. */
MUST_USE int server_state_init(struct server_state *state, struct hub *hub,
                               const struct server_parts *parts,
                               const struct server_options *options,
                               const struct server_rules *rules);
/* The listeners are closed. */
void server_state_deinit(struct server_state *state);

/* Makes what these options and rules need and was not needed before, in front of
 * server_state_limit. 0, or -ENOMEM. The thread that owns the server. */
MUST_USE int server_state_prepare(struct server_state *state, const struct server_options *options,
                                  const struct server_rules *rules);
/* Other limits from now on; acceptors look when they are woken. `options` were checked. Takes the
 * rules over. Any thread. */
void server_state_limit(struct server_state *state, const struct server_options *options,
                        const struct server_rules *rules);
/* Other fetched keys from now on, likewise. Takes them over. */
void server_state_keys(struct server_state *state, struct keys *keys);
/* Takes over the limits that hold now, with references to the rules. Any thread. */
void server_state_limits(struct server_state *state, struct server_limits *limits);
/* Those of a stream, to be given back. Any thread. */
void server_state_stream_limits(struct server_state *state, struct stream_limits *ret_limits);
void stream_limits_deinit(struct stream_limits *limits);

/* One more acceptor has got so far: `count` is state->accepted or state->taken. */
void server_state_reach(struct server_state *state, unsigned *count);
/* Until so many have. */
void server_state_await(struct server_state *state, const unsigned *count, unsigned acceptors);

/* Sums the counters of all acceptors. Any thread. */
void server_state_totals(const struct server_state *state, struct net_totals *ret_totals);
