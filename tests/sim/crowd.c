/* SPDX-License-Identifier: MIT */
/*
 * Crowds of slow readers, in the simulation's time: good readers, groups of slow ones that share a
 * rate and come when they like, and one publisher that offers more than the slow ones take.
 *
 *   sim_crowd --seeds 300 [--from N]   that many, one after the other
 *   sim_crowd --seed N [--trace]       one run, exactly as it was
 *
 * A seed decides the numbers, sizes and rates of all, on how many workers they are, and whether
 * these are short of processor. What must hold:
 *   - the publisher is never for longer than hold_max (and what it takes to notice) below half of
 *     what it offers and its good readers can take, unless the workers are short;
 *   - nobody who takes more than slow_rate is closed, or told of a gap;
 *   - where the workers are short, a crowd that is alike is not closed either.
 * The order of events and bytes is not looked at here: that is sim.c's. Exit status as there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/hub.h"
#include "engine/worker/drain.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "tests/sim/fail.h"
#include "tests/sim/io_sim.h"

#define WORKERS_MAX_HERE 3
#define GROUPS_MAX       3u
#define STEP_NS          10000000
#define SECOND_NS        1000000000
#define DATA_BYTES       100
#define HISTORY_EVENTS   2000
#define TURNS_MAX        64
/* Seconds in which a worker learns that it is not short, and by which the seconds are inexact. */
#define NOTICE_S 3

struct group {
    unsigned count;
    uint64_t rate; /* bytes per second */
    int64_t from_ns;
    bool good, joined;
    unsigned closed;
};

struct crowd {
    struct sim sim;
    struct hub *hub;
    struct hub_options options;
    struct worker *workers[WORKERS_MAX_HERE];
    struct io *ios[WORKERS_MAX_HERE];
    bool is_short;
    int64_t waited_ns; /* for a processor, by each worker */
    struct group groups[1 + GROUPS_MAX];
    unsigned group_count;
    uint64_t offered; /* events per second */
    uint64_t event_bytes;
    uint64_t published;
};

static struct crowd *crowd;

/* --- what the engine takes from outside, wrapped by the linker ------------------------------- */

int64_t __wrap_clock_ns(void);
int64_t __wrap_clock_ns(void)
{
    return crowd->sim.now_ns;
}

int64_t __wrap_clock_coarse_ns(void);
int64_t __wrap_clock_coarse_ns(void)
{
    return crowd->sim.now_ns;
}

int64_t __wrap_clock_waited_ns(void);
int64_t __wrap_clock_waited_ns(void)
{
    return crowd->waited_ns;
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_io(void *context, unsigned index, struct io **ret_io)
{
    (void)context;
    int r = io_sim_open(&crowd->sim, ret_io);
    crowd->ios[index] = *ret_io;
    return r;
}

static void on_open(void *context, struct sim_socket *socket)
{
    (void)context;
    (void)socket;
}

static void on_close(void *context, struct sim_socket *socket)
{
    (void)context;
    struct group *group = socket->context;
    group->closed++;
    if (group->good)
        fail("a good reader is closed");
}

static void choose(struct sim_random *random)
{
    struct hub_options *options = &crowd->options;
    hub_options_default(options);
    options->workers = (unsigned)sim_random_between(random, 1, WORKERS_MAX_HERE);
    options->worker_subscribers = 2000;
    options->history_events = HISTORY_EVENTS;
    options->history_bytes = UINT64_C(1) << 30;
    options->slow_after_ms = sim_random_one_in(random, 2) ? 200 : 1000;
    options->slow_rate = sim_random_between(random, 50000, 150000);
    options->hold_max_ms = (uint32_t)sim_random_between(random, 1, 8) * 1000;
    options->slow = sim_random_one_in(random, 2) ? SLOW_SKIP : SLOW_DISCONNECT;
    options->write_timeout_ms = 0;
    options->memory_max = 0;
    crowd->offered = sim_random_between(random, 4000, 8000);
    crowd->is_short = sim_random_one_in(random, 4);
    crowd->group_count = 1 + (unsigned)sim_random_between(random, 1, crowd->is_short ? 1 : 3);
    for (unsigned i = 0; i < crowd->group_count; i++) {
        struct group *group = &crowd->groups[i];
        group->good = i == 0;
        group->count = (unsigned)sim_random_between(random, 1, group->good ? 30 : 100);
        if (group->good)
            group->rate = sim_random_one_in(random, 2)
                              ? SIM_RATE_ALL
                              : options->slow_rate * sim_random_between(random, 15, 100) / 10;
        else
            group->rate = options->slow_rate * sim_random_between(random, 0, 70) / 100;
        if (i > 1)
            group->from_ns = (int64_t)sim_random_below(random, 20) * SECOND_NS;
    }
    if (crowd->is_short) { /* a crowd by any measure, that reads */
        crowd->groups[1].count = crowd->groups[0].count * 3 + 40;
        crowd->groups[1].rate = options->slow_rate * sim_random_between(random, 10, 70) / 100;
    }
}

static void begin(uint64_t seed)
{
    crowd = calloc(1, sizeof(*crowd));
    CHECK(crowd);
    sim_init(&crowd->sim, seed);
    crowd->sim.calm = true; /* work takes no time */
    crowd->sim.on_open = on_open;
    crowd->sim.on_close = on_close;
    choose(&crowd->sim.random);
    int r = hub_new(&crowd->options, &crowd->hub);
    if (r == 0)
        r = hub_start_threadless(crowd->hub, open_io, NULL);
    CHECK(r == 0);
    for (unsigned i = 0; i < crowd->options.workers; i++)
        crowd->workers[i] = hub_worker(crowd->hub, i);
    trace("%u workers%s, slow below %llu over %u ms, held for %u ms at most, %llu events/s",
          crowd->options.workers, crowd->is_short ? ", short" : "",
          (unsigned long long)crowd->options.slow_rate, crowd->options.slow_after_ms,
          crowd->options.hold_max_ms, (unsigned long long)crowd->offered);
    for (unsigned i = 0; i < crowd->group_count; i++)
        trace("%u readers at %llu B/s from %lld s on", crowd->groups[i].count,
              (unsigned long long)crowd->groups[i].rate,
              (long long)(crowd->groups[i].from_ns / SECOND_NS));
}

static void join(struct group *group)
{
    const struct text channel = TEXT("crowd");
    uint32_t capacity = (uint32_t)sim_random_between(&crowd->sim.random, 2000, 200000);
    group->joined = true;
    for (unsigned i = 0; i < group->count; i++) {
        struct sim_socket *socket = sim_socket_new(&crowd->sim);
        socket->context = group;
        socket->rate = group->rate;
        /* What a good one takes in a window, so that its own buffer is not what makes it slow. */
        uint32_t least = group->good ? (uint32_t)crowd->options.slow_rate * 4 : 0;
        socket->capacity = capacity > least ? capacity : least;
        socket->writable_below = socket->capacity / 2;
        struct subscribe_request request = {.fd = socket->fd,
                                            .before = hub_next_sequence(crowd->hub),
                                            .channels = &channel,
                                            .channel_count = 1,
                                            .head = {"", 0}};
        int r = hub_subscribe(crowd->hub, &request, NULL);
        if (r != 0)
            fail("hub_subscribe gave %d", r);
    }
}

/* --- a step ---------------------------------------------------------------------------------- */

/* Publishes what is offered in this step; what finds no room is not offered again. */
static void publish(void)
{
    static char data[DATA_BYTES];
    memset(data, 'x', sizeof(data));
    uint64_t count = crowd->offered * STEP_NS / SECOND_NS;
    for (uint64_t i = 0; i < count; i++) {
        struct event event = {
            .channel = TEXT("crowd"), .data = {data, sizeof(data)}, .retry_ms = -1};
        struct frame *frame;
        uint64_t first;
        int r = hub_frame(crowd->hub, &event, &frame);
        CHECK(r == 0);
        crowd->event_bytes = frame->len;
        r = hub_publish(crowd->hub, &frame, 1, &first);
        if (r != 0) {
            frame_unref(frame);
            return;
        }
        crowd->published++;
    }
}

static void turn_workers(void)
{
    for (unsigned i = 0; i < crowd->options.workers; i++) {
        struct io *io = crowd->ios[i];
        for (int turns = 0; turns < TURNS_MAX; turns++) {
            if (!worker_turn(crowd->workers[i]) && !io_sim_is_ready(io))
                break;
            int r = io->operations->wait(io, 0);
            CHECK(r == 0);
        }
    }
}

/* What came is read, and no good reader is told of a gap. */
static void read_all(void)
{
    for (uint32_t i = 0; i < crowd->sim.socket_count; i++) {
        struct sim_socket *socket = crowd->sim.sockets[i];
        const struct group *group = socket->context;
        if (group->good && memmem(socket->bytes, socket->len, "fanfare-gap", 11))
            fail("a good reader is told of a gap");
        socket->len = 0;
    }
}

static void step(void)
{
    crowd->sim.now_ns += STEP_NS;
    if (crowd->is_short)
        crowd->waited_ns += STEP_NS * 3 / 4;
    for (unsigned i = 0; i < crowd->group_count; i++)
        if (!crowd->groups[i].joined && crowd->sim.now_ns >= crowd->groups[i].from_ns)
            join(&crowd->groups[i]);
    publish();
    turn_workers();
    read_all();
    whereabouts.step++;
}

/* --- a run ----------------------------------------------------------------------------------- */

/* A reload may lower hold_max, and what a channel has spent of it goes down with it. */
static void lower_hold_max(void)
{
    crowd->options.hold_max_ms = (uint32_t)sim_random_between(&crowd->sim.random, 0, 1000);
    int r = hub_reload(crowd->hub, &crowd->options);
    CHECK(r == 0);
}

static void look_at_held(uint32_t most_ms)
{
    for (unsigned i = 0; i < crowd->options.workers; i++) {
        const struct worker *worker = crowd->workers[i];
        const struct channel *channel = worker->channels.newest;
        if (channel && channel->held_ms > most_ms)
            fail("worker %u counts %u ms held, hold_max is %u ms", i, channel->held_ms, most_ms);
    }
}

/* Seconds in a row for which the publisher may be held. */
static unsigned held_allowed_s(void)
{
    uint32_t window_ms = crowd->options.slow_after_ms;
    return (crowd->options.hold_max_ms + 2 * window_ms * crowd->group_count + 999) / 1000 +
           NOTICE_S;
}

static void watch(void)
{
    uint64_t good = crowd->groups[0].rate / crowd->event_bytes;
    uint64_t expected = good < crowd->offered ? good : crowd->offered;
    unsigned held_s = 0, seconds = 24 + 2 * crowd->options.hold_max_ms / 1000;
    unsigned allowed_s = held_allowed_s();
    bool lowered = sim_random_one_in(&crowd->sim.random, 4);
    uint32_t most_ms = crowd->options.hold_max_ms;
    uint64_t ahead = 0; /* events, of what the good readers can have taken */
    for (unsigned second = 0; second < seconds; second++) {
        uint64_t before = crowd->published;
        for (int i = 0; i < SECOND_NS / STEP_NS; i++)
            step();
        uint64_t got = crowd->published - before;
        trace("second %u: %llu events of %llu", second, (unsigned long long)got,
              (unsigned long long)expected);
        /* As long as good readers still have what came before, they are not kept waiting. */
        ahead = ahead + got > expected ? ahead + got - expected : 0;
        held_s = ahead == 0 && got < expected / 2 ? held_s + 1 : 0;
        look_at_held(most_ms);
        if (lowered && second == seconds / 2)
            lower_hold_max();
        if (!crowd->is_short && held_s > allowed_s)
            fail("for %u s the publisher has had less than half of the %llu events/s that its "
                 "good readers can take; hold_max is %u ms",
                 held_s, (unsigned long long)expected, crowd->options.hold_max_ms);
    }
    struct stats stats;
    hub_stats(crowd->hub, &stats);
    if (crowd->is_short && stats.became_slow)
        fail("%llu of a crowd became slow although the workers are short of processor",
             (unsigned long long)stats.became_slow);
}

static void end(void)
{
    hub_close(crowd->hub);
    for (unsigned i = 0; i < crowd->options.workers; i++)
        worker_drain(crowd->workers[i], hub_next_sequence(crowd->hub));
    crowd->groups[0].good = false;
    for (unsigned i = 0; i < crowd->options.workers; i++)
        while (!crowd->workers[i]->stopped) {
            crowd->sim.now_ns += SECOND_NS;
            worker_turn(crowd->workers[i]);
        }
    for (unsigned i = 0; i < crowd->options.workers; i++)
        crowd->ios[i]->operations->close(crowd->ios[i]);
    hub_stop(crowd->hub);
    hub_free(crowd->hub);
    sim_deinit(&crowd->sim);
    free(TAKE(crowd));
}

int main(int argc, char **argv)
{
    uint64_t count = 0, from = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            whereabouts.trace = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0)
            count = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--from") == 0)
            from = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            from = strtoull(argv[++i], NULL, 10), count = 1;
    }
    if (!count) {
        fprintf(stderr, "usage: sim_crowd --seeds COUNT [--from N] | --seed N [--trace]\n");
        return 2;
    }
    whereabouts.program = "sim_crowd";
    fail_watch();
    for (uint64_t seed = from; seed < from + count; seed++) {
        whereabouts.seed = seed;
        whereabouts.step = 0;
        begin(seed);
        step();
        watch();
        end();
    }
    printf("%llu crowds from %llu on: nobody was held for too long\n", (unsigned long long)count,
           (unsigned long long)from);
    return 0;
}
