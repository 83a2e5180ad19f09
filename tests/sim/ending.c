/* SPDX-License-Identifier: MIT */
/* How a run ends: every socket takes what there is until all is quiet, or the hub drains. */
#include "tests/sim/world.h"

#include "tests/sim/fail.h"

/* Turns after which a world that is still busy will never be quiet. */
#define TURNS_MAX 20000
/* The smallest send buffer then, so that the end comes soon. */
#define CAPACITY_AT_REST 20000
/* More than a worker leaves an event that there is no memory for (engine/worker/intake.c). */
#define STALL_AT_MOST_NS 2000000

/* Workers run until all of them sleep and nothing would wake them. */
static void run_all(void)
{
    bool any = true;
    for (unsigned turns = 0; any; turns++) {
        any = false;
        for (unsigned i = 0; i < world->worker_count; i++) {
            if (!worker_is_due(&world->workers[i]))
                continue;
            turn_worker(&world->workers[i]);
            any = true;
        }
        if (turns > TURNS_MAX)
            fail("the workers do not come to rest");
    }
}

void come_to_rest(void)
{
    trace("everything comes to rest");
    world->sim.calm = true;
    for (unsigned i = 0; i < world->client_count; i++) {
        struct sim_socket *socket = world->clients[i]->socket;
        sim_socket_settle(&world->sim, socket);
        socket->rate = SIM_RATE_ALL;
        if (socket->capacity < CAPACITY_AT_REST)
            socket->capacity = CAPACITY_AT_REST;
    }
    while (world->request_count)
        hand_over_step();
    run_all();
    /* A worker that had no memory for an event tries again by the clock. */
    pass_time(STALL_AT_MOST_NS);
    run_all();
    inspect_forgotten();
    /* Windows end, so that who was refused is tried again, and who holds a channel lets go. Then a
     * publisher that waits for room is woken by whoever makes it: nobody asks it to look. */
    for (int windows = 0; windows < 3 || !publish_rest(); windows++) {
        if (windows > 100)
            fail("a publisher waits for room although everything is quiet");
        pass_time((int64_t)world->options.slow_after_ms * 1000000);
        run_all();
    }
    /* What those publishers brought may fill a socket once more. */
    pass_time((int64_t)world->options.slow_after_ms * 1000000);
    run_all();
    inspect_rest();
    inspect_counters();
}

void begin_drain(void)
{
    while (world->request_count)
        hand_over_step();
    trace("the hub drains");
    world->draining = true;
    hub_close(world->hub);
    world->drain_due_ns = world->sim.now_ns + (int64_t)world->options.drain_timeout_ms * 1000000;
    for (unsigned i = 0; i < world->worker_count; i++)
        worker_drain(world->workers[i].worker, hub_next_sequence(world->hub));
}

static bool all_stopped(void)
{
    bool all = true;
    for (unsigned i = 0; i < world->worker_count; i++)
        all &= world->workers[i].worker->stopped;
    return all;
}

void end_drain(void)
{
    /* The workers begin to count when they are told: within one piece of time. */
    int64_t latest_ns = world->drain_due_ns + 4 * world_tick_ns() + 1000000000;
    while (!all_stopped()) {
        if (world->sim.now_ns > latest_ns)
            fail("the drain does not end");
        pass_time((int64_t)sim_random_between(world->random, 1, 500) * 1000000);
        mishap_step();
    }
    if (!publish_rest())
        for (unsigned i = 0; i < WORLD_PUBLISHERS_MAX; i++)
            if (world->publishers[i].count)
                fail("publisher %u waits for a hub that is closed", i);
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        if (client->socket->state == SIM_OPEN || client->socket->state == SIM_WAITING)
            fail("client %u is still connected after the drain", client->number);
    }
    struct stats stats;
    hub_stats(world->hub, &stats);
    expect_equal("subscribers after the drain", stats.subscribers, 0);
    expect_equal("joined", stats.joined, world->joined);
    expect_equal("lagging subscribers after the drain", stats.subscribers_lagging, 0);
}
