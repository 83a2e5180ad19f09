/* SPDX-License-Identifier: MIT */
/*
 * One run of the simulation: a hub by hand, its workers, publishers and clients, all from one seed.
 *
 * Everything runs on one thread and in steps. A worker is in the middle of nothing between two
 * turns, but a publisher can be: each stamp of a frame, between claim and store, is a place where
 * other things may happen (publish.c). Workers sleep as worker_run makes them sleep: one that has
 * parked is only turned by a wake, an event of its sockets or its own timer, so a lost wake-up
 * shows as a worker that sleeps while a client lacks something.
 *
 * Time is virtual and passes in small pieces; after each of them every worker that is due gets a
 * turn. So no worker stands still for longer than an eighth of a slow window (of a second, where
 * that is less) while time passes, and a strict client (client.h) can never be called slow because
 * the server was.
 *
 * Files: world.c (life, turns, time), publish.c, subscribe.c, inspect.c (what must hold after each
 * turn and at rest), ending.c (coming to rest, drain).
 */
#pragma once

#include "engine/hub.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "tests/sim/io_sim.h"
#include "tests/sim/client.h"
#include "tests/sim/expect.h"
#include "tests/sim/model.h"

#define WORLD_WORKERS_MAX    4
#define WORLD_PUBLISHERS_MAX 2

struct world_worker {
    struct worker *worker;
    struct io *io;
    unsigned index;
    bool asleep;
    uint64_t evicted[MODEL_RECORDS]; /* at the last look */
    uint64_t failures;               /* of allocations, still to come: shortage.c */
};

struct publisher {
    unsigned number;
    struct frame *frames[PUBLISH_EVENTS_MAX];
    struct model_event events[PUBLISH_EVENTS_MAX];
    unsigned count;   /* 0: nothing to publish */
    unsigned stamped; /* of them, within the call of hub_publish */
    bool within;      /* the call of hub_publish */
    bool waiting;     /* refused for room; its eventfd tells when to try again */
    struct hub_waiter waiter;
};

struct world {
    struct sim sim;
    struct sim_random *random; /* the simulation's */
    struct hub_options options;
    struct hub *hub;
    struct model model;
    struct world_worker workers[WORLD_WORKERS_MAX];
    unsigned worker_count;
    struct world_worker *turning; /* NULL: none */
    struct publisher publishers[WORLD_PUBLISHERS_MAX];
    struct client **clients;
    unsigned client_count, client_size;
    unsigned *requests; /* clients whose request was read, and not handed over yet */
    unsigned request_count;
    unsigned depth;           /* of things that happen within others */
    unsigned batch_max;       /* events in one publish, mostly */
    uint64_t largest_request; /* bytes in flight of the largest request so far */
    bool mischief;            /* sockets cut and refuse sends without need */
    bool deaths;              /* some client's connection broke */
    bool draining, ended;
    int64_t drain_due_ns;
    uint64_t joined, refused, commands;
    uint64_t newest_id; /* of a client */
};

/* The world that is running. */
extern struct world *world;

/* world.c */
void world_init(uint64_t seed);
void world_deinit(void);
struct world_worker *world_worker_of(const struct io *io);
/* Of a channel of the model; NULL: the worker has none. */
struct channel *world_record(const struct worker *worker, unsigned channel);
/* Whether it would run: it is awake, or something wakes it. */
bool worker_is_due(const struct world_worker *worker);
void turn_worker(struct world_worker *worker);
/* Time passes, and workers that are due get turns. */
void pass_time(int64_t duration_ns);
/* An eighth of the slow window: no worker stands still for longer. */
int64_t world_tick_ns(void);

/* publish.c */
void publishers_init(void);
void publishers_deinit(void);
/* Something new, or another try of what was refused. True if something was published. */
bool publish_step(struct publisher *publisher);
/* Tries again whatever was refused. True if all of it is published. */
bool publish_rest(void);

/* subscribe.c */
/* A new client's request is read: it has its B, and waits to be handed over. */
void request_step(void);
/* One of the waiting requests is handed over. */
void hand_over_step(void);
/* Something happens to a client: it stops or goes on reading, or its connection breaks. */
void mishap_step(void);
void on_open(void *context, struct sim_socket *socket);
void on_close(void *context, struct sim_socket *socket);
bool client_is_connected(const struct client *client);

/* The records of a worker's channels, with those that are closed: how many. */
#define WORLD_RECORDS_MAX 4096
size_t world_records(const struct worker *worker, struct channel **records);

/* inspect.c */
/* Notes what the worker has evicted, and whether that was right; then reads its clients' bytes. */
void inspect_worker(struct world_worker *worker);
void look_at_evicted(struct world_worker *worker);
void inspect_flow(void);
/* All counters and gauges against what there is. */
void inspect_counters(void);
/* All workers sleep, no time has passed since the sockets can take bytes: nobody lacks anything. */
void inspect_forgotten(void);
/* After time has passed: heartbeats have come. */
void inspect_silence(void);
/* Nobody took nothing for longer than write_timeout: who is stuck is closed, or is so called. */
void inspect_stuck(void);
void inspect_polls(void);
/* Whose token has ended is gone soon, whether it reads or not. */
void inspect_expired(void);
/* Nothing is under way: everybody has everything, nothing is in flight. */
void inspect_rest(void);

/* ending.c */
/* Lets every socket take what there is, and everything come to an end. */
void come_to_rest(void);
/* Closes the hub and drains its workers. */
void begin_drain(void);
void end_drain(void);
