/* SPDX-License-Identifier: MIT */
/*
 * What every connection has, whatever its kind: the socket, its place in the loop's epoll set, one
 * deadline, the answers that the peer has not taken yet, and an orderly end. What a kind does with
 * it (an HTTP client, a feed) is a table of operations; nothing else tells the kinds apart.
 *
 * States: open -> finishing (nothing more is acted on: answers are written, our side is shut down,
 * what still comes is read and dropped, so that the kernel does not turn the close into a reset
 * that eats the answer) -> closed (waits for the end of the batch of epoll events that may still
 * name it, then freed). A connection whose socket was handed to a worker goes to closed at once.
 *
 * A connection that may wait for something other than its peer is taken out of the epoll set: with
 * nothing to ask for, level-triggered hang-ups would spin. All of it belongs to one loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"
#include "net/loop.h"

struct connection;
struct pending_answer; /* pending.h */

/* What a kind of connection does. Each is called on the loop's thread, none of one that is closed
 * or finishing, but for the last three. May close the connection, and no other. */
struct connection_operations {
    void (*on_event)(struct connection *connection); /* the socket has something to say */
    void (*on_ready)(struct connection *connection); /* the turn connection_ready asked for */
    bool (*on_room)(struct connection *connection); /* a publish is tried again; true: it is over */
    void (*on_answer)(struct connection *connection, const struct pending_answer *answer);
    void (*on_expired)(struct connection *connection); /* of a deadline that is the kind's own */
    void (*on_limits)(struct connection *connection);  /* the limits have changed */
    void (*on_stop)(struct connection *connection);    /* what is unfinished is told so */
    void (*on_closed)(struct connection *connection);
    size_t (*memory)(const struct connection *connection); /* bytes that it holds, for memory_max */
    void (*free)(struct connection *connection);           /* of a closed one */
};

struct connection {
    struct source source; /* first */
    const struct connection_operations *operations;
    struct loop *loop;
    struct link all;   /* loop->open, then ->closed */
    struct link ready; /* loop->ready: holds input that is not parsed yet */
    struct deadline deadline;
    int fd;
    uint32_t interest; /* what the epoll set asks for; 0: not in the set */
    bool finishing;    /* see above */
    bool shut;         /* finishing, and everything was written */
    bool ended;        /* the peer sends no more */
    bool deaf;         /* the peer takes no more: answers are dropped */
    bool broken;       /* deaf by no choice of the peer: only a close can tell it */
    bool closed;
    bool placeless;          /* one of the refused: closing it makes no place */
    size_t memory;           /* what was counted for it, see connection_settle */
    int64_t linger_until_ns; /* reading and dropping ends then, once `shut` */
    uint32_t dropped;        /* bytes read and dropped while finishing */
    uint32_t output_at, output_len, output_capacity;
    char *output; /* [output_at, output_len) is not written yet; NULL: nothing is */
};

/* Takes the fd over. */
void connection_init(struct connection *connection, struct loop *loop,
                     const struct connection_operations *operations, int fd);

/* Asks the epoll set for these events; 0: leaves the set. */
void connection_want(struct connection *connection, uint32_t events);
/* Replaces the deadline; DEADLINE_NONE: none. */
void connection_deadline(struct connection *connection, enum deadline_kind kind);
/* Gives it a turn in this round although epoll says nothing. */
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

/* The same with descriptors that came along, close-on-exec: at most `room` of them, their number in
 * *ret_count; what was read ends right behind the bytes that they came with. *ret_cut: there were
 * more, which are closed, or the message was longer. */
MUST_USE size_t connection_read_with(struct connection *connection, char *bytes, size_t size,
                                     int *fds, unsigned room, unsigned *ret_count, bool *ret_cut);

/* Whether the peer has ended its side, or has gone; what it sent before is not looked at. */
bool connection_has_left(const struct connection *connection);

/* The orderly end, see above. */
void connection_finish(struct connection *connection);
/* The end at once. */
void connection_close(struct connection *connection);
/* The same after the socket was handed to somebody else. */
void connection_release(struct connection *connection);
/* Of a closed connection: what the base holds. The owner frees the struct. */
void connection_deinit(struct connection *connection);
/* Counts what the connection holds now against memory_max: after each turn of it. */
void connection_settle(struct connection *connection);

/* --- for whoever runs the loop ------------------------------------------------------------- */

/* One turn for each that was ready when the round began. */
void connection_serve_ready(struct loop *loop);
/* Ends, or tells, whoever is past its deadline. */
void connection_expire(struct loop *loop);
/* Closes, for somebody else, who has been silent longest without a request; else who has had its
 * answer and does not close; else who has not ended a head for long. False: everybody has a
 * request. */
MUST_USE bool connection_displace(struct loop *loop);
/* Does this to all that are open and not finishing. */
void connection_each(struct loop *loop, void (*each)(struct connection *connection));
void connection_free_closed(struct loop *loop);
void connection_close_all(struct loop *loop);
