/* SPDX-License-Identifier: MIT */
/*
 * The simulated backend of the I/O seam: seeded, single-threaded, with a virtual clock and without
 * a descriptor. It is a library of its own (engine_sim), for tests only.
 *
 * A simulation has sockets, made by the test and found by their made-up descriptor, and one io for
 * each worker. A socket is a send buffer of `capacity` bytes that its peer empties at `rate`. A
 * send takes what fits; a mischievous one takes less now and then, or nothing. The bytes taken are
 * kept in order for the test to read and to cut off (`len = 0`).
 *
 * States of a socket: SIM_WAITING (made) -> SIM_OPEN (a worker added it) -> SIM_CLOSED (removed),
 * or SIM_WAITING -> SIM_REFUSED (by the test, which sees the descriptor being closed).
 *
 * It checks the contract of io.h from its side, and aborts where the worker breaks it: two sends to
 * one socket in one flush, a send to a socket that is not open, bytes that change between send and
 * flush, a handle removed twice or while a send of it is queued.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/io/io.h"

/* The descriptors of simulated sockets begin here: numbers that no real descriptor has. */
#define SIM_FD_FIRST 1000000000
/* A peer that reads everything at once. */
#define SIM_RATE_ALL UINT64_MAX

/* --- chance ---------------------------------------------------------------------------------- */

struct sim_random {
    uint64_t state;
};

uint64_t sim_random_next(struct sim_random *random);
/* 0 to below - 1; `below` is at least 1. */
uint64_t sim_random_below(struct sim_random *random, uint64_t below);
/* `low` to `high`, both included. */
uint64_t sim_random_between(struct sim_random *random, uint64_t low, uint64_t high);
static inline bool sim_random_one_in(struct sim_random *random, uint64_t n)
{
    return sim_random_below(random, n) == 0;
}

/* --- the simulation -------------------------------------------------------------------------- */

enum sim_socket_state { SIM_WAITING, SIM_OPEN, SIM_CLOSED, SIM_REFUSED };

struct sim_socket {
    int fd;
    enum sim_socket_state state;
    struct io *io; /* since it is open */
    uint32_t owner;
    void *context; /* the test's */

    /* The peer, which the test may change at any time (sim_socket_settle first). */
    uint64_t rate; /* bytes per second it reads; 0: it has stopped; SIM_RATE_ALL */
    uint32_t capacity;
    uint32_t writable_below; /* writability is reported with at most so much in the buffer */
    uint32_t mischief;       /* one send in so many is cut or refused without need; 0: none */
    bool reset;              /* it is gone: sends fail */
    bool half_closed;        /* it will send no more, and still reads */

    /* The buffer, and what became of it. */
    uint32_t used;
    int64_t drained_ns; /* when `used` was right */
    uint64_t taken;     /* bytes, ever */
    char *bytes;        /* the last `len` of them */
    size_t len, size;

    bool awaited; /* one IO_WRITABLE is asked for */
    bool denied;  /* its latest send was refused right after it was said to be writable */

    /* The backend's own. */
    bool writable_told, hangup_told, ended_told, queued;
};

struct sim {
    struct sim_random random;
    int64_t now_ns;
    bool calm; /* no mischief, nothing spurious: things may come to rest */
    struct sim_socket **sockets;
    uint32_t socket_count, socket_size;
    /* Called within io_add and io_remove. */
    void (*on_open)(void *context, struct sim_socket *socket);
    void (*on_close)(void *context, struct sim_socket *socket);
    void *context;
};

void sim_init(struct sim *sim, uint64_t seed);
void sim_deinit(struct sim *sim);
struct sim_socket *sim_socket_new(struct sim *sim);
/* By descriptor; NULL: no simulated one. */
struct sim_socket *sim_socket_find(const struct sim *sim, int fd);
/* Brings `used` to the present: what the peer has read by now is out of the buffer. */
void sim_socket_settle(const struct sim *sim, struct sim_socket *socket);

/* --- the backend ----------------------------------------------------------------------------- */

MUST_USE int io_sim_open(struct sim *sim, struct io **ret_io);
/* Whether a wait would return at once: an event is there, or a wake (which a wait takes away). */
bool io_sim_is_ready(struct io *io);
