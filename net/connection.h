/* SPDX-License-Identifier: MIT */
/*
 * What every connection of an acceptor has, HTTP client and feed alike: the socket, its place in
 * the epoll set, one deadline, the answers that the peer has not taken yet, and an orderly end.
 *
 * States: open -> finishing (nothing more is acted on: answers are written, our side is shut down,
 * what still comes is read and dropped, so that the kernel does not turn the close into a reset
 * that eats the answer) -> closed (waits for the end of the batch of epoll events that may still
 * name it, then freed). A connection whose socket was handed to a worker goes to closed at once.
 *
 * A connection that may wait for something other than its peer is taken out of the epoll set: with
 * nothing to ask for, level-triggered hang-ups would spin. All of it belongs to one acceptor's
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"
#include "engine/limits.h"
#include "engine/base/list.h"

/* First member of everything that an epoll event may point to. */
enum source_kind { SOURCE_WAKE, SOURCE_ROOM, SOURCE_LISTENER, SOURCE_CLIENT, SOURCE_FEED };
struct source {
    enum source_kind kind;
};

/* Each kind has one duration, so the list of a kind is in order of expiry by itself; a reload that
 * shortens one brings those that wait already nearer (acceptor.c). */
enum deadline_kind {
    DEADLINE_NONE,
    DEADLINE_IDLE,   /* no request has begun: closed silently */
    DEADLINE_HEAD,   /* 408 */
    DEADLINE_BODY,   /* 408 */
    DEADLINE_ROOM,   /* a publish that waits: 503 */
    DEADLINE_ANSWER, /* the peer does not read: closed */
    DEADLINE_LINGER, /* the end of reading and dropping: closed */
    DEADLINE_KINDS,
};

struct acceptor;

struct connection {
    struct source source;
    int fd;
    struct acceptor *acceptor;
    struct link all;      /* acceptor->connections, then ->closed */
    struct link ready;    /* acceptor->ready: holds input that is not parsed yet */
    struct link deadline; /* acceptor->deadlines[deadline_kind] */
    int64_t deadline_ns;
    uint32_t interest; /* what the epoll set asks for; 0: not in the set */
    uint8_t deadline_kind;
    bool counted;   /* against connections_max */
    bool finishing; /* see above */
    bool shut;      /* finishing, and everything was written */
    bool ended;     /* the peer sends no more */
    bool deaf;      /* the peer takes no more: answers are dropped */
    bool broken;    /* deaf by no choice of the peer: only a close can tell it */
    bool closed;
    size_t memory;    /* what was counted for it, see acceptor_settle_memory */
    uint32_t dropped; /* bytes read and dropped while finishing */
    uint32_t output_at, output_len, output_capacity;
    char *output; /* [output_at, output_len) is not written yet; NULL: nothing is */
};

/* Takes the fd over. */
void connection_init(struct connection *connection, struct acceptor *acceptor,
                     enum source_kind kind, int fd);

/* Asks the epoll set for these events; 0: leaves the set. */
void connection_want(struct connection *connection, uint32_t events);
/* Replaces the deadline; DEADLINE_NONE: none. */
void connection_deadline(struct connection *connection, enum deadline_kind kind);
/* Gives it a turn in this round of the acceptor's loop although epoll says nothing. */
void connection_ready(struct connection *connection);

static inline bool connection_has_output(const struct connection *connection)
{
    return connection->output != NULL;
}

static inline uint32_t connection_output_bytes(const struct connection *connection)
{
    return connection->output_len - connection->output_at;
}

/* Queues bytes behind the output that is there. Without memory it is broken from here on. */
void connection_append(struct connection *connection, const char *bytes, size_t len);
/* Writes what the socket takes. */
void connection_flush(struct connection *connection);
/* Writes what the socket takes and queues the rest. */
void connection_write(struct connection *connection, const char *bytes, size_t len);

/* Up to `size` bytes: their number; 0: nothing now, or `ended` is set. */
MUST_USE size_t connection_read(struct connection *connection, char *bytes, size_t size);

/* The orderly end, see above. */
void connection_finish(struct connection *connection);
/* An epoll event of a connection that is finishing. */
void connection_on_finishing(struct connection *connection);
/* The end at once. */
void connection_close(struct connection *connection);
/* The same after the socket was handed to somebody else. */
void connection_release(struct connection *connection);
/* Of a closed connection: what the base holds. The owner frees the struct. */
void connection_deinit(struct connection *connection);
