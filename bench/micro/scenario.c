/* SPDX-License-Identifier: MIT */
/*
 * A fixed scenario, to have its instructions counted by callgrind (bench/micro/instructions): the
 * same events to the same subscribers in the same turns, every time.
 *
 * Whatever could differ from run to run is fixed: the hash key and the epoch, by a getrandom of our
 * own; the time, which stands still, by a clock of our own (both put in by the linker, as in
 * tests/sim); sockets that take everything; one thread at work, on a stack of our own, since the C
 * library's string functions count otherwise where a page ends, and the environment moves main's
 * stack. What is counted is what happens within scenario_measured; making the hub and filling its
 * history is not.
 *
 * It prints what it did as JSON, for whoever divides by it.
 */
#include <gnu/libc-version.h>
#include <malloc.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/random.h>

#include "bench/micro/stage.h"
#include "engine/base/clock.h"
#include "engine/mutation.h"

#define DATA_BYTES 128u
#define CHANNEL    TEXT("bench")

/* --- what the engine takes from outside, wrapped by the linker ------------------------------- */

int64_t __wrap_clock_ns(void);
/* An hour after boot, so that nothing in the hub was born before time began. */
int64_t __wrap_clock_ns(void)
{
    return INT64_C(3600) * 1000000000;
}

int64_t __wrap_clock_coarse_ns(void);
int64_t __wrap_clock_coarse_ns(void)
{
    return __wrap_clock_ns();
}

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
    (void)flags;
    memset(bytes, 0x5a, len);
    return (ssize_t)len;
}

/* --- what is counted ------------------------------------------------------------------------- */

struct scenario {
    struct stage stage;
    struct frame *frames[1024];
};

void scenario_measured(void (*work)(struct scenario *scenario), struct scenario *scenario);
/* The script tells callgrind to count inside this function only, by its name. */
__attribute__((noinline)) void scenario_measured(void (*work)(struct scenario *scenario),
                                                 struct scenario *scenario)
{
    work(scenario);
    __asm__ volatile(""); /* or the call would become a jump, which leaves this function */
}

static void settle(struct scenario *scenario)
{
    stage_settle(&scenario->stage);
}

/* --- publish: 10,000 events of 128 B, nobody listens, history is full ------------------------- */

#define PUBLISH_EVENTS 10000u
#define PUBLISH_BATCH  100u

static void publish_batch(struct scenario *scenario)
{
    stage_build(&scenario->stage, CHANNEL, DATA_BYTES, scenario->frames, PUBLISH_BATCH);
    stage_publish(&scenario->stage, scenario->frames, PUBLISH_BATCH, 1);
    stage_settle(&scenario->stage);
}

static unsigned run_publish(struct scenario *scenario)
{
    /* Twice what history and its memory of evicted events hold. */
    for (unsigned i = 0; i < 40; i++)
        publish_batch(scenario);
    for (unsigned i = 0; i < PUBLISH_EVENTS / PUBLISH_BATCH; i++)
        scenario_measured(publish_batch, scenario);
    return PUBLISH_EVENTS;
}

/* --- sweep: 100 events, each swept alone to 1,000 subscribers --------------------------------- */

static void publish_some(struct scenario *scenario, unsigned events)
{
    stage_build(&scenario->stage, CHANNEL, DATA_BYTES, scenario->frames, events);
    stage_publish(&scenario->stage, scenario->frames, events, events);
}

static unsigned run_sweeps(struct scenario *scenario, unsigned subscribers, unsigned sweeps,
                           unsigned events)
{
    stage_join(&scenario->stage, CHANNEL, subscribers);
    for (unsigned i = 0; i < sweeps + 1; i++) {
        publish_some(scenario, events);
        if (i == 0)
            settle(scenario); /* what is done once is done */
        else
            scenario_measured(settle, scenario);
    }
    return subscribers * sweeps * events;
}

static unsigned run_sweep(struct scenario *scenario)
{
    return run_sweeps(scenario, 1000, 100, 1);
}

/* --- coalesce: 100 batches of 64 events, each batch one send to 100 subscribers ----------------
 */

static unsigned run_coalesce(struct scenario *scenario)
{
    return run_sweeps(scenario, 100, 100, 64);
}

/* --- jobs: 20 events to each of 2,000 channels with one reader each --------------------------- */

#define JOBS       2000u
#define JOB_EVENTS 20u

static struct text job_name(char (*name)[16], unsigned job)
{
    int len = snprintf(*name, sizeof(*name), "job/%u", job);
    return (struct text){*name, (size_t)len};
}

/* One event to each, as publishers do that know nothing of each other: a call for each. */
static void publish_to_jobs(struct scenario *scenario)
{
    char name[16];
    for (unsigned job = 0; job < JOBS; job++) {
        stage_build(&scenario->stage, job_name(&name, job), DATA_BYTES, scenario->frames, 1);
        stage_publish(&scenario->stage, scenario->frames, 1, 1);
    }
}

static unsigned run_jobs(struct scenario *scenario)
{
    char name[16];
    for (unsigned job = 0; job < JOBS; job++)
        stage_join(&scenario->stage, job_name(&name, job), 1);
    for (unsigned i = 0; i < JOB_EVENTS + 1; i++) {
        publish_to_jobs(scenario);
        if (i == 0)
            settle(scenario);
        else
            scenario_measured(settle, scenario);
    }
    return JOBS * JOB_EVENTS;
}

/* --- join: 2,000 hand-offs, one in four with a resume point 10 events ago ----------------------
 */

#define JOINS        2000u
#define JOIN_BATCH   200u
#define JOIN_HISTORY 100u
#define JOIN_MISSED  10u

static void join_batch(struct scenario *scenario)
{
    char id[ID_LEN];
    id_format(id, hub_ids(scenario->stage.hub), JOIN_HISTORY - JOIN_MISSED);
    for (unsigned i = 0; i < JOIN_BATCH; i++)
        stage_subscribe(&scenario->stage, CHANNEL, (struct text){id, i % 4 == 0 ? sizeof(id) : 0});
    stage_settle(&scenario->stage);
}

static unsigned run_join(struct scenario *scenario)
{
    publish_some(scenario, JOIN_HISTORY);
    settle(scenario);
    join_batch(scenario); /* what is done once is done */
    for (unsigned i = 0; i < JOINS / JOIN_BATCH; i++)
        scenario_measured(join_batch, scenario);
    return JOINS;
}

/* --- choosing -------------------------------------------------------------------------------- */

struct part {
    const char *name, *operation, *help;
    unsigned (*run)(struct scenario *scenario); /* how many operations were counted */
};

static const struct part parts[] = {
    {"publish", "event", "build, publish and keep 10,000 events of 128 B", run_publish},
    {"sweep", "send", "100 events, each swept alone to 1,000 subscribers", run_sweep},
    {"coalesce", "delivery", "100 batches of 64 events to 100 subscribers", run_coalesce},
    {"jobs", "event", "20 events to each of 2,000 channels with one reader each", run_jobs},
    {"join", "join", "2,000 hand-offs adopted and greeted", run_join},
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void *run_part(void *argument)
{
    static struct scenario scenario;
    const struct part *part = argument;
    stage_init(&scenario.stage,
               &(struct stage_options){.workers = 1, .subscribers = 4096, .history_events = 1000});
    unsigned operations = part->run(&scenario);
    stage_deinit(&scenario.stage);
    printf("{\"part\": \"%s\", \"operation\": \"%s\", \"operations\": %u}\n", part->name,
           part->operation, operations);
    return NULL;
}

static void run_on_own_stack(const struct part *part)
{
    alignas(4096) static char stack[1 << 20];
    pthread_attr_t attributes;
    pthread_t thread;
    mallopt(M_ARENA_MAX, 1); /* the heap of the program, not one of the thread's own */
    pthread_attr_init(&attributes);
    int r = pthread_attr_setstack(&attributes, stack, sizeof(stack));
    if (r == 0)
        r = pthread_create(&thread, &attributes, run_part, (void *)(uintptr_t)part);
    CHECK(r == 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

/* What decides how many instructions there are, besides the source. */
static void print_about(void)
{
#ifdef __clang__
    const char *compiler = __VERSION__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    printf("{\"compiler\": \"%s\", \"build\": \"%s%s%s\", \"libc\": \"glibc %s\", "
           "\"libsodium\": \"%s\"}\n",
           compiler, BENCH_BUILD, MUTATION_BUILD ? " mutations" : "",
#ifdef FANFARE_DEBUG
           " debug_checks",
#else
           "",
#endif
           gnu_get_libc_version(), sodium_version_string());
}

int main(int argument_count, char **arguments)
{
    const char *name = argument_count == 2 ? arguments[1] : "--help";
    for (unsigned i = 0; i < PARTS; i++) {
        if (strcmp(parts[i].name, name) != 0)
            continue;
        run_on_own_stack(&parts[i]);
        return 0;
    }
    if (strcmp(name, "--about") == 0) {
        print_about();
        return 0;
    }
    bool asked = argument_count == 2 && strcmp(name, "--help") == 0;
    FILE *out = asked ? stdout : stderr;
    fprintf(out, "Usage: scenario PART | --about | --help\n\n"
                 "Does one fixed piece of work, to be counted by bench/micro/instructions.\n\n");
    for (unsigned i = 0; i < PARTS; i++)
        fprintf(out, "  %-10s %s\n", parts[i].name, parts[i].help);
    return asked ? 0 : 2;
}
