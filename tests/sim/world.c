/* SPDX-License-Identifier: MIT */
/* See world.h. */
#include "tests/sim/world.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sim/ask.h"
#include "tests/sim/fail.h"
#include "tests/sim/presence.h"
#include "tests/sim/ruled.h"

struct world *world;

/* --- what the engine takes from outside, wrapped by the linker ------------------------------- */

int64_t __wrap_clock_ns(void);
int64_t __wrap_clock_ns(void)
{
    return world->sim.now_ns;
}

int64_t __wrap_clock_coarse_ns(void);
int64_t __wrap_clock_coarse_ns(void)
{
    return world->sim.now_ns;
}

int64_t __wrap_clock_waited_ns(void);
int64_t __wrap_clock_waited_ns(void)
{
    return 0; /* nobody else is on its processor */
}

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)sim_random_next(world->random);
    return (ssize_t)len;
}

int __real_crypto_shorthash(unsigned char *out, const unsigned char *in, unsigned long long len,
                            const unsigned char *key);
int __wrap_crypto_shorthash(unsigned char *out, const unsigned char *in, unsigned long long len,
                            const unsigned char *key);
/* The channels `=x1` and `=x2` collide in all 64 bits. */
int __wrap_crypto_shorthash(unsigned char *out, const unsigned char *in, unsigned long long len,
                            const unsigned char *key)
{
    return __real_crypto_shorthash(out, in, len == 3 && in[0] == '=' ? 2 : len, key);
}

int __real_close(int fd);
int __wrap_close(int fd);
/* Only a refused hand-off is closed by its number. */
int __wrap_close(int fd)
{
    struct sim_socket *socket = world ? sim_socket_find(&world->sim, fd) : NULL;
    if (!socket)
        return __real_close(fd);
    CHECK(socket->state == SIM_WAITING);
    socket->state = SIM_REFUSED;
    return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

static uint64_t one_of(const uint64_t *values, size_t count)
{
    return values[sim_random_below(world->random, count)];
}

#define ONE_OF(...)                                                                                \
    one_of((const uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void choose_options(void)
{
    hub_options_default(&world->options);
    struct hub_options *options = &world->options;
    options->subscriber_ids = !sim_random_one_in(world->random, 3);
    options->memory_max = 0; /* of this machine: a seed is the same everywhere */
    options->workers = (unsigned)sim_random_between(world->random, 1, WORLD_WORKERS_MAX);
    options->worker_subscribers = (uint32_t)ONE_OF(2, 8, 200);
    options->history_events = (uint32_t)ONE_OF(0, 1, 2, 5, 20, 100, 100, 10000);
    options->history_bytes = ONE_OF(1, 500, 5000, 100000, 1u << 20, 16u << 20);
    options->history_age_s = (uint32_t)ONE_OF(1, 10, 3600);
    options->end_keep_s = (uint32_t)ONE_OF(1, 1, 10, 3600);
    options->heartbeat_s = (uint32_t)ONE_OF(0, 1, 15);
    options->retry_ms = (uint32_t)ONE_OF(0, 2000, 86400000 - 2000);
    options->slow_after_ms = (uint32_t)ONE_OF(20, 200, 1000, 5000);
    options->slow_rate = ONE_OF(1000, 20000, 300000);
    options->hold_max_ms = (uint32_t)ONE_OF(50, 1000, 10000);
    options->slow = sim_random_one_in(world->random, 2) ? SLOW_SKIP : SLOW_DISCONNECT;
    options->write_timeout_ms = (uint32_t)ONE_OF(0, 300, 1500, 300000);
    options->stuck = sim_random_one_in(world->random, 2) ? STUCK_SKIP : STUCK_DISCONNECT;
    options->opaque_ids = sim_random_one_in(world->random, 2);
    options->drain_timeout_ms = (uint32_t)ONE_OF(2000, 10000);
    world->batch_max = (unsigned)ONE_OF(1, 4, 4, 40);
    world->mischief = !sim_random_one_in(world->random, 4);
}

static int open_io(void *context, unsigned index, struct io **ret_io)
{
    (void)context;
    int r = io_sim_open(&world->sim, ret_io);
    world->workers[index].io = *ret_io;
    return r;
}

void world_init(uint64_t seed)
{
    world = calloc(1, sizeof(*world));
    CHECK(world);
    sim_init(&world->sim, seed);
    world->random = &world->sim.random;
    world->sim.on_open = on_open;
    world->sim.on_close = on_close;
    choose_options();
    ruled_choose();
    presence_begin(seed);
    model_init(&world->model, world->random);
    int r = hub_new(&world->options, &world->hub);
    if (r == 0)
        r = hub_start_threadless(world->hub, open_io, NULL);
    CHECK(r == 0);
    world->worker_count = world->options.workers;
    for (unsigned i = 0; i < world->worker_count; i++) {
        world->workers[i].worker = hub_worker(world->hub, i);
        world->workers[i].index = i;
        /* Slices so small that things happen between them. */
        if (sim_random_one_in(world->random, 2))
            world->workers[i].worker->inspect.looks =
                1 + (uint32_t)sim_random_below(world->random, 3);
        /* So little room that a large frame goes alone, without what belongs behind it. */
        if (sim_random_one_in(world->random, 2))
            world->workers[i].worker->catch_up.arena.bytes_size =
                (uint32_t)ONE_OF(20000, 2 * CATCH_UP_BYTES);
    }
    publishers_init();
    /* A flood of small events, so that publishers are refused for want of room. */
    if (sim_random_one_in(world->random, 40)) {
        world->batch_max = PUBLISH_EVENTS_MAX;
        world->model.largest = 20;
        if (world->model.channel_count > 2)
            world->model.channel_count = 2;
    }
    trace("%u workers, %u channels, history %u events %llu bytes %u s, %s, slow after %u ms below "
          "%llu",
          world->worker_count, world->model.channel_count, world->options.history_events,
          (unsigned long long)world->options.history_bytes, world->options.history_age_s,
          world->options.slow == SLOW_SKIP ? "skip" : "disconnect", world->options.slow_after_ms,
          (unsigned long long)world->options.slow_rate);
}

void world_deinit(void)
{
    publishers_deinit();
    for (unsigned i = 0; i < world->worker_count; i++)
        world->workers[i].io->operations->close(world->workers[i].io);
    hub_stop(world->hub);
    asks_end();
    hub_free(world->hub);
    ruled_deinit();
    presence_end();
    model_deinit(&world->model);
    for (unsigned i = 0; i < world->client_count; i++)
        client_free(world->clients[i]);
    free(world->clients);
    free(world->requests);
    sim_deinit(&world->sim);
    free(TAKE(world));
}

struct world_worker *world_worker_of(const struct io *io)
{
    for (unsigned i = 0; i < world->worker_count; i++)
        if (world->workers[i].io == io)
            return &world->workers[i];
    fail("an io without a worker");
}

struct channel *world_record(const struct worker *worker, unsigned channel)
{
    struct text name = world->model.channels[channel].name;
    if (channel == MODEL_ALL)
        return worker->channels.all;
    if (channel >= world->model.channel_count)
        return NULL;
    return channels_find(&worker->channels, hash_text(&worker->options->key, name), name);
}

size_t world_records(const struct worker *worker, struct channel **records)
{
    size_t count = 0;
    for (unsigned i = 0; i < MODEL_RECORDS; i++) {
        struct channel *channel = world_record(worker, i);
        if (channel)
            records[count++] = channel;
    }
    for (struct ending *ending = worker->channels.closed.first; ending; ending = ending->later) {
        CHECK(count < WORLD_RECORDS_MAX);
        records[count++] = ending->channel;
    }
    return count;
}

/* --- turns ----------------------------------------------------------------------------------- */

bool worker_is_due(const struct world_worker *worker)
{
    if (worker->worker->stopped)
        return false;
    return !worker->asleep || io_sim_is_ready(worker->io) ||
           worker_due_ns(worker->worker) <= world->sim.now_ns;
}

void turn_worker(struct world_worker *worker)
{
    if (worker->worker->stopped)
        return;
    world->depth++;
    if (worker->asleep) {
        int r = worker->io->operations->wait(worker->io, 0);
        CHECK(r == 0);
        inbox_unpark(&worker->worker->inbox);
        worker->asleep = false;
    }
    struct world_worker *outer = world->turning;
    world->turning = worker;
    bool busy = worker_turn(worker->worker);
    world->turning = outer;
    if (!worker->worker->stopped && !busy)
        worker->asleep = inbox_park(&worker->worker->inbox);
    trace("worker %u turned: position %llu%s", worker->index,
          (unsigned long long)worker->worker->position, worker->asleep ? ", sleeps" : "");
    inspect_worker(worker);
    ask_look(worker);
    world->depth--;
}

/* --- time ------------------------------------------------------------------------------------ */

int64_t world_tick_ns(void)
{
    uint32_t window_ms = world->options.slow_after_ms;
    return (int64_t)(window_ms < 1000 ? window_ms : 1000) * 1000000 / 8;
}

void pass_time(int64_t duration_ns)
{
    int64_t end_ns = world->sim.now_ns + duration_ns;
    trace("%lld us pass", (long long)duration_ns / 1000);
    while (world->sim.now_ns < end_ns) {
        int64_t left_ns = end_ns - world->sim.now_ns;
        world->sim.now_ns += left_ns < world_tick_ns() ? left_ns : world_tick_ns();
        for (unsigned i = 0; i < world->worker_count; i++)
            for (int turns = 0; turns < 8 && worker_is_due(&world->workers[i]); turns++)
                turn_worker(&world->workers[i]);
        inspect_silence();
        inspect_stuck();
        inspect_polls();
        inspect_expired();
    }
}
