/* SPDX-License-Identifier: MIT */
/*
 * The deterministic simulation of the engine.
 *
 *   sim --seeds 3000 [--from N]   that many seeds, one after the other
 *   sim --minutes N [--from N]    as many as there is time for
 *   sim --seed N [--trace]        one run, exactly as it was
 *
 * A seed decides everything: options, channels, events, clients, sockets, the order of steps and
 * what happens within them. Exit status 0: every run held what docs/guarantees.md promises; 1: the
 * last line says which seed did not, and where.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/command.h"
#include "tests/sim/ask.h"
#include "tests/sim/fail.h"
#include "tests/sim/presence.h"
#include "tests/sim/ruled.h"
#include "tests/sim/steer.h"
#include "tests/sim/world.h"

static void step(void)
{
    struct sim_random *random = world->random;
    uint64_t percent = sim_random_below(random, 100);
    whereabouts.step++;
    command_step();
    steer_step();
    ask_step();
    if (percent < 30) {
        publish_step(&world->publishers[sim_random_below(random, WORLD_PUBLISHERS_MAX)]);
    } else if (percent < 65) {
        turn_worker(&world->workers[sim_random_below(random, world->worker_count)]);
    } else if (percent < 72) {
        request_step();
    } else if (percent < 82) {
        hand_over_step();
    } else if (percent < 90) {
        mishap_step();
    } else if (percent == 90 && sim_random_one_in(random, 10)) {
        ruled_reload_step();
    } else if (percent < 99) {
        pass_time((int64_t)sim_random_below(random, (uint64_t)world_tick_ns()));
    } else {
        /* Past a window, a heartbeat, or everything's age. */
        static const int64_t times_ms[] = {300, 2000, 16000};
        pass_time(times_ms[sim_random_below(random, 3)] * 1000000);
    }
}

/* With everything old enough only the subscribers' own records are left. */
static void grow_old(void)
{
    if (ruled_age_max() > 10)
        return;
    pass_time(((int64_t)ruled_age_max() + 2) * 1000000000);
    come_to_rest();
    struct stats stats;
    hub_stats(world->hub, &stats);
    expect_equal("the events kept after their time", stats.history_events, 0);
    expect_equal("the bytes kept after their time", stats.history_bytes, 0);
}

static void run(uint64_t seed)
{
    whereabouts.seed = seed;
    whereabouts.step = 0;
    world_init(seed);
    uint64_t steps = sim_random_between(world->random, 20, 400);
    for (uint64_t i = 0; i < steps; i++) {
        step();
        presence_step();
        if (i % 16 == 0)
            inspect_counters();
    }
    if (!sim_random_one_in(world->random, 3)) {
        whereabouts.step++;
        come_to_rest();
        grow_old();
        world->sim.calm = false;
        for (uint64_t more = sim_random_below(world->random, 60); more > 0; more--)
            step();
    }
    whereabouts.step++;
    /* The drain may begin in the middle of a publish. */
    world->ended = true;
    for (int i = 0; i < 20 && !world->draining; i++)
        publish_step(&world->publishers[0]);
    if (!world->draining)
        begin_drain();
    end_drain();
    world_deinit();
}

static int usage(void)
{
    fprintf(stderr, "usage: sim --seeds COUNT [--from N] | --minutes N [--from N] | --seed N "
                    "[--trace]\n");
    return 2;
}

static uint64_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

int main(int argc, char **argv)
{
    uint64_t count = 0, minutes = 0, from = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            whereabouts.trace = true;
            continue;
        }
        static char none[] = "x";
        char *rest = none;
        uint64_t value = i + 1 < argc ? strtoull(argv[i + 1], &rest, 10) : 0;
        if (*rest)
            return usage();
        if (strcmp(argv[i], "--seeds") == 0)
            count = value;
        else if (strcmp(argv[i], "--minutes") == 0)
            minutes = value;
        else if (strcmp(argv[i], "--from") == 0)
            from = value;
        else if (strcmp(argv[i], "--seed") == 0)
            from = value, count = 1;
        else
            return usage();
        i++;
    }
    if (!count && !minutes)
        return usage();
    fail_watch();
    uint64_t start = seconds_now(), done = 0;
    for (; done < count || (minutes && seconds_now() - start < minutes * 60); done++)
        run(from + done);
    printf("%llu seeds from %llu on: all promises held\n", (unsigned long long)done,
           (unsigned long long)from);
    return 0;
}
