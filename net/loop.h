/* SPDX-License-Identifier: MIT */
/*
 * The loop of one thread: an epoll set, deadlines, and what connections of all kinds share.
 *
 * One round: loop_wait -> loop_dispatch (each event goes to its source) -> turns for whoever asked
 * for one -> what is past its deadline -> what was closed is freed. Objects that are closed during
 * a round are freed at its end, so a stale event names nothing freed.
 *
 * Deadlines have a fixed duration per kind, so each kind is a plain queue in order of expiry, and
 * the earliest of their heads is the next one. Memory is counted here and told to the hub in steps.
 *
 * Everything belongs to the loop's own thread, but for `stats`, relaxed atomics that only it
 * writes. Knows neither connections nor listeners: connection.c and acceptor.c are built on it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "engine/base/base.h"
#include "engine/base/list.h"
#include "engine/hub.h"
#include "engine/limits.h"
#include "net/net_stats.h"

#define LOOP_EVENTS_MAX 256 /* events of one round; the rest come in the next; picked by hand */

/* First member of everything that an epoll event may point to. */
struct source {
    void (*on_event)(struct source *source);
};

/* Each kind has one duration, so its list is in order of expiry by itself; loop_set_duration brings
 * those that wait already nearer. */
enum deadline_kind {
    DEADLINE_NONE,
    DEADLINE_FIRST,     /* nothing has come since the accept: closed silently */
    DEADLINE_IDLE,      /* no further request has begun: closed silently */
    DEADLINE_HEAD,      /* 408 */
    DEADLINE_BODY,      /* 408 */
    DEADLINE_ROOM,      /* a publish that waits: 503 */
    DEADLINE_AUTHORIZE, /* a request that the application is asked for: 503 */
    DEADLINE_DECIDE,    /* a request that the host's program has: 503 */
    DEADLINE_QUESTION,  /* a request that the workers are asked for: 503 */
    DEADLINE_ANSWER,    /* the peer does not read: closed */
    DEADLINE_LINGER,    /* the end of reading and dropping: closed */
    DEADLINE_KINDS,
};

struct deadline {
    struct link link; /* loop->deadlines[kind] */
    int64_t at_ns;
    uint8_t kind; /* enum deadline_kind, of the one that was set last */
};

struct loop {
    struct hub *hub; /* which counts our memory */
    int epoll_fd;
    int64_t now_ns; /* of this round */
    struct link open;
    struct link ready;
    struct link closed;
    struct link deadlines[DEADLINE_KINDS];
    int64_t duration_ns[DEADLINE_KINDS];
    int64_t memory_change; /* not yet told to the hub */
    size_t body_bytes;     /* decoded in this round: see loop_may_decode */
    bool freed;            /* a descriptor was closed since somebody looked */
    struct net_stats stats;
    int event_count;
    struct epoll_event events[LOOP_EVENTS_MAX];
    char input[READ_BYTES]; /* for the length of one turn */
};

/* 0, or a negative errno. */
MUST_USE int loop_init(struct loop *loop, struct hub *hub);
void loop_deinit(struct loop *loop);

/* An epoll_ctl on behalf of this source. 0, or a negative errno. */
MUST_USE int loop_control(struct loop *loop, int operation, int fd, uint32_t events,
                          struct source *source);
/* It leaves the epoll set, if it is there. */
void loop_forget(struct loop *loop, int fd);

/* Waits for events until this time (INT64_MAX: for ever), and takes the time. */
void loop_wait(struct loop *loop, int64_t until_ns);
/* Serves the events that loop_wait found. */
void loop_dispatch(struct loop *loop);

/* Replaces a deadline; DEADLINE_NONE: none. */
void loop_set_deadline(struct loop *loop, struct deadline *deadline, enum deadline_kind kind);
/* The first one that is past, or NULL. */
struct deadline *loop_expired(struct loop *loop);
/* Who of this kind has waited longest, and the one behind another; NULL: nobody. */
struct deadline *loop_first(const struct loop *loop, enum deadline_kind kind);
struct deadline *loop_after(const struct loop *loop, const struct deadline *deadline);
/* Since when it has waited. */
int64_t loop_since_ns(const struct loop *loop, const struct deadline *deadline);
/* When the next one is due; INT64_MAX: there is none. */
int64_t loop_next_deadline(const struct loop *loop);
/* Who waits already waits no longer than if it began now. */
void loop_set_duration(struct loop *loop, enum deadline_kind kind, int64_t duration_ns);

/* Whether a body of so many bytes is decoded in this round, which then counts it. */
MUST_USE bool loop_may_decode(struct loop *loop, size_t bytes);

/* Told to the hub when it is much, else by loop_tell_memory: every change would be a write to a
 * line that all threads share. */
void loop_count_memory(struct loop *loop, int64_t change);
void loop_tell_memory(struct loop *loop);
