/* SPDX-License-Identifier: MIT */
/*
 * What one acceptor's connections are served from: its loop, the hub, the limits that hold now, the
 * queue of publishers that wait for room, and scratch room for the length of one turn.
 *
 * It is what a kind of connection knows of the acceptor, which is built around it (acceptor.h) and
 * which no connection knows. The kinds themselves come from above as struct server_parts, so that
 * neither this nor the acceptor has a list of them.
 *
 * Belongs to the acceptor's thread, but for what others send to its mailbox.
 */
#pragma once

#include "engine/base/mailbox.h"
#include "engine/slots.h"
#include "net/connection.h"
#include "net/hook/hook_cache.h"
#include "net/http/route.h"
#include "net/pending.h"
#include "net/server_state.h"
#include "net/waiters.h"

/* What comes through the mailbox, by struct message's kind. */
enum service_message {
    SERVICE_PHASE,  /* struct phase_order */
    SERVICE_ANSWER, /* struct pending_answer */
};

/* The server has come to this phase; belongs to whoever posts it. */
struct phase_order {
    struct message message; /* first */
    int phase;
};

struct service {
    struct loop loop;
    struct server_state *server;
    struct hub *hub;
    struct server_limits limits; /* its own copy */
    struct waiters waiters;
    struct pendings pendings;
    struct hook_cache hook_cache; /* what the application said not long ago */
    struct mailbox mailbox;       /* enum service_message; any thread */
    int wake_fd;                  /* somebody has posted, or has changed the limits */
    struct source wake;
    int phase;                  /* enum server_phase, as the server has last said */
    bool stopping;              /* no connection is kept open for another request */
    uint64_t subscribers_known; /* of the hub, at subscribers_known_ns */
    uint64_t subscribers_since; /* handed off since */
    int64_t subscribers_known_ns;
    struct slots slots;     /* of streams that cannot be had */
    uint64_t requests_seen; /* of which one in some is noted: note.h */
    /* For the length of one turn. */
    struct route route;
    struct frame *frames[PUBLISH_EVENTS_MAX];
};

/* Why somebody cannot be had now. */
struct refusal {
    int status;         /* 503, or 429 */
    const char *reason; /* one word, for a stream's Fanfare-Refused: full, memory, drain, ... */
    const char *sentence;
};

/* What a kind of connection is when it comes: how a listener's sockets become connections. */
struct connection_kind {
    /* Takes the fd over; NULL: out of memory, and the fd stays with the caller. */
    struct connection *(*new)(struct service *service, const struct listener *listener, int fd);
    /* Begins to serve it. */
    void (*start)(struct connection *connection);
    /* The same for one that came beyond connections_max, to whom only what must always be answered
     * is answered. Not given: it is refused. */
    void (*start_late)(struct connection *connection);
    /* Places beyond connections_max that are kept for this kind. */
    uint32_t reserved;
    /* NULL: the peer may come; else why not, in one sentence. Not given: anybody may. */
    const char *(*check)(const struct service *service, int fd);
    /* How a connection is refused that nobody will read from, in bytes: their number. */
    size_t (*refusal)(struct service *service, const struct listener *listener, int fd,
                      const struct refusal *refusal, char *out, size_t size);
};

/* What a server is made of beside itself: immutable, given to server_new. */
struct server_parts {
    const struct connection_kind *kinds[LISTENER_KINDS]; /* by a listener's kind */
    const struct route_table *routes;
};

#define SERVICE_FULL "the server has as many connections as it may"

#define REFUSAL_BYTES_MAX 18432 /* bytes of any kind's refusal; checked where they are made */

/* 0, or a negative errno. */
MUST_USE int service_init(struct service *service, struct server_state *server);
void service_deinit(struct service *service);

/* Any thread, until the server is freed: the later answer to a pending request of this service. It
 * is freed by its own `free`, whether the request is still there or not. */
void service_answer(struct service *service, struct pending_answer *answer);
/* Any thread. */
void service_order(struct service *service, struct phase_order *order, int phase);
/* Any thread: it looks at the limits. */
void service_wake(struct service *service);

static inline struct service *service_of(const struct connection *connection)
{
    return LINK_OWNER(connection->loop, struct service, loop);
}

/* Takes over the server's limits, forgets what the application said, and tells all connections. */
void service_follow_limits(struct service *service);

/* One more connection, against connections_max and so many places beyond: true if it may be; then
 * service_leave undoes it. */
MUST_USE bool service_enter(struct service *service, uint32_t reserved);
void service_leave(struct service *service);

/* True if one more subscriber is allowed. */
MUST_USE bool service_may_subscribe(struct service *service);
