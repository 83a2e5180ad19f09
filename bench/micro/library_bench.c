/* SPDX-License-Identifier: MIT */
/*
 * What a program pays that publishes by the library's calls: fanfare_publish of 128 B while no
 * worker sleeps, held against the least that anything of the kind does, which is to take a mutex
 * that nobody else wants, copy as many bytes, and let it go.
 *
 * The inboxes are real, the workers have no threads: they are turned between the timed calls, so
 * that what publishing costs is not mixed with what a worker does on the same core. Both are timed
 * in turns, and each turn gives one ratio. Only `wake` has a worker with a thread, which sleeps.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/micro/benches.h"
#include "bench/micro/stage.h"
#include "engine/base/clock.h"
#include "lib/instance.h"

#define DATA_BYTES 128u
#define CALLS      8192u /* of a repeat: half of what a channel may have in flight */
#define TURN       256u  /* calls between two turns of the workers, which keep up with them */
#define BATCH      64u
#define THREADS    8u
/* Copies go into a ring that fits no first-level cache, as frames do. */
#define RING_BYTES (1u << 20)
#define WAKES      2000u
#define ADOPTS     256u

static const unsigned char alive = 1;
static char data[DATA_BYTES];

struct engine {
    struct stage stage;
    struct fanfare fanfare;
};

static void engine_init(struct engine *engine, unsigned workers)
{
    stage_init(&engine->stage, &(struct stage_options){
                                   .workers = workers, .subscribers = 1, .history_events = 1000});
    memset(&engine->fanfare, 0, sizeof(engine->fanfare));
    engine->fanfare.alive = &alive;
    engine->fanfare.hub = engine->stage.hub;
    atomic_init(&engine->fanfare.state, INSTANCE_RUNNING);
}

/* --- what is timed ---------------------------------------------------------------------------- */

static double mutex_ns(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char ring[RING_BYTES];
    int64_t begin_ns = clock_ns();
    for (unsigned i = 0; i < CALLS; i++) {
        pthread_mutex_lock(&lock);
        memcpy(ring + i * DATA_BYTES % RING_BYTES, data, DATA_BYTES);
        __asm__ volatile("" ::: "memory"); /* or the copies are put off */
        pthread_mutex_unlock(&lock);
    }
    return (double)(clock_ns() - begin_ns) / CALLS;
}

static double publish_ns(struct engine *engine)
{
    int64_t all_ns = 0;
    for (unsigned turn = 0; turn < CALLS / TURN; turn++) {
        int64_t begin_ns = clock_ns();
        for (unsigned i = 0; i < TURN; i++) {
            int r = fanfare_publish(&engine->fanfare, "bench", NULL, data, DATA_BYTES, 0, NULL);
            CHECK(r == 0);
        }
        all_ns += clock_ns() - begin_ns;
        stage_settle(&engine->stage);
    }
    return (double)all_ns / CALLS;
}

static double batch_ns(struct engine *engine)
{
    struct fanfare_event events[BATCH];
    for (unsigned i = 0; i < BATCH; i++)
        events[i] = (struct fanfare_event){.size = sizeof(events[i]),
                                           .channel = "bench",
                                           .channel_len = 5,
                                           .data = data,
                                           .data_len = DATA_BYTES};
    int64_t all_ns = 0;
    for (unsigned turn = 0; turn < CALLS / TURN; turn++) {
        int64_t begin_ns = clock_ns();
        for (unsigned i = 0; i < TURN; i += BATCH) {
            int r = fanfare_publish_events(&engine->fanfare, events, BATCH, 0, NULL);
            CHECK(r == 0);
        }
        all_ns += clock_ns() - begin_ns;
        stage_settle(&engine->stage);
    }
    return (double)all_ns / CALLS;
}

static double refused_ns(struct engine *engine)
{
    while (fanfare_publish(&engine->fanfare, "bench", NULL, data, DATA_BYTES, 0, NULL) == 0)
        ;
    int64_t begin_ns = clock_ns();
    for (unsigned i = 0; i < CALLS; i++) {
        int r = fanfare_publish(&engine->fanfare, "bench", NULL, data, DATA_BYTES, 0, NULL);
        CHECK(r == -EAGAIN);
    }
    double ns = (double)(clock_ns() - begin_ns) / CALLS;
    stage_settle(&engine->stage);
    return ns;
}

static void bench_calls(struct report *report, unsigned workers, double at_most)
{
    static struct engine engine;
    struct samples call = {0}, mutex = {0}, ratio = {0}, batch = {0}, refused = {0};
    engine_init(&engine, workers);
    for (unsigned i = 0; i < 3; i++) /* until history is full */
        (void)publish_ns(&engine);
    for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
        double mutex_now_ns = mutex_ns(), call_now_ns = publish_ns(&engine);
        samples_add(&mutex, mutex_now_ns);
        samples_add(&call, call_now_ns);
        samples_add(&ratio, call_now_ns / mutex_now_ns);
        samples_add(&batch, batch_ns(&engine));
        samples_add(&refused, refused_ns(&engine));
    }
    stage_deinit(&engine.stage);
    static const struct result ns = {.unit = "ns per event"};
    report_add(report, &mutex, &(struct result){.unit = "ns"}, "library.%u.mutex", workers);
    report_add(report, &call, &ns, "library.%u.call", workers);
    report_add(report, &ratio,
               &(struct result){.unit = "call / mutex and memcpy, time", .at_most = at_most},
               "library.%u.ratio", workers);
    report_add(report, &batch, &ns, "library.%u.by_%u", workers, BATCH);
    report_add(report, &refused, &(struct result){.unit = "ns per -EAGAIN"}, "library.%u.refused",
               workers);
}

/* --- several threads -------------------------------------------------------------------------- */

struct crowd {
    struct engine engine;
    pthread_barrier_t start;
    unsigned threads;
    bool many; /* channels: each thread has its own */
};

struct member {
    struct crowd *crowd;
    pthread_t thread;
    unsigned number;
    int64_t begin_ns, end_ns;
};

static void *member_run(void *context)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    char channel[16];
    snprintf(channel, sizeof(channel), "bench-%u", crowd->many ? member->number : 0);
    pthread_barrier_wait(&crowd->start);
    member->begin_ns = clock_ns();
    for (unsigned i = 0; i < CALLS / crowd->threads; i++) {
        int r = fanfare_publish(&crowd->engine.fanfare, channel, NULL, data, DATA_BYTES, 0, NULL);
        CHECK(r == 0);
    }
    member->end_ns = clock_ns();
    return NULL;
}

/* From the first one's begin to the last one's end. */
static double crowd_ns(struct crowd *crowd)
{
    struct member members[THREADS];
    pthread_barrier_init(&crowd->start, NULL, crowd->threads);
    for (unsigned i = 0; i < crowd->threads; i++) {
        members[i] = (struct member){.crowd = crowd, .number = i};
        CHECK(pthread_create(&members[i].thread, NULL, member_run, &members[i]) == 0);
    }
    int64_t begin_ns = INT64_MAX, end_ns = 0;
    for (unsigned i = 0; i < crowd->threads; i++) {
        pthread_join(members[i].thread, NULL);
        begin_ns = members[i].begin_ns < begin_ns ? members[i].begin_ns : begin_ns;
        end_ns = members[i].end_ns > end_ns ? members[i].end_ns : end_ns;
    }
    pthread_barrier_destroy(&crowd->start);
    stage_settle(&crowd->engine.stage);
    return (double)(end_ns - begin_ns) / CALLS;
}

static void bench_threads(struct report *report)
{
    static struct crowd crowd;
    static struct samples samples[2][4];
    memset(samples, 0, sizeof(samples));
    engine_init(&crowd.engine, 8);
    for (unsigned repeat = 0; repeat <= report->repeats; repeat++)
        for (unsigned many = 0; many < 2; many++)
            for (unsigned power = 0; power < 4; power++) {
                crowd.threads = 1u << power;
                crowd.many = many;
                double ns = crowd_ns(&crowd);
                if (repeat)
                    samples_add(&samples[many][power], ns);
            }
    stage_deinit(&crowd.engine.stage);
    for (unsigned many = 0; many < 2; many++)
        for (unsigned power = 0; power < 4; power++)
            report_add(report, &samples[many][power],
                       &(struct result){.unit = "ns per event of all"}, "library.threads.%u.%s",
                       1u << power, many ? "own_channels" : "one_channel");
}

/* --- a worker that sleeps --------------------------------------------------------------------- */

static void await_parked(struct fanfare *fanfare)
{
    const struct inbox *inbox = &hub_worker(fanfare->hub, 0)->inbox;
    while (!atomic_load(&inbox->parked))
        sched_yield();
}

static double wake_ns(struct fanfare *fanfare)
{
    int64_t all_ns = 0;
    for (unsigned i = 0; i < WAKES; i++) {
        await_parked(fanfare);
        int64_t begin_ns = clock_ns();
        int r = fanfare_publish(fanfare, "bench", NULL, data, DATA_BYTES, 0, NULL);
        all_ns += clock_ns() - begin_ns;
        CHECK(r == 0);
    }
    return (double)all_ns / WAKES;
}

static void bench_wake(struct report *report)
{
    struct fanfare *fanfare = fanfare_new();
    struct samples wake = {0};
    fanfare_set(fanfare, "workers", "1");
    int r = fanfare_start(fanfare);
    CHECK(r == 0);
    (void)wake_ns(fanfare);
    for (unsigned repeat = 0; repeat < report->repeats; repeat++)
        samples_add(&wake, wake_ns(fanfare));
    fanfare_free(fanfare);
    report_add(report, &wake,
               &(struct result){.unit = "ns per event",
                                .detail = "A call that wakes the one worker, which sleeps."},
               "library.wake");
}

/* --- adopting --------------------------------------------------------------------------------- */

static void await_subscribers(struct fanfare *fanfare, uint64_t wanted)
{
    uint64_t seen = wanted + 1;
    while (seen != wanted && fanfare_stat(fanfare, "subscribers", &seen) == 0)
        sched_yield();
}

/* The call alone. The one worker joins them at the same time, and is woken when it sleeps. */
static double adopt_ns(struct fanfare *fanfare)
{
    static int pairs[ADOPTS][2];
    const struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "bench", .channel_len = 5};
    for (unsigned i = 0; i < ADOPTS; i++)
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]) == 0);
    int64_t begin_ns = clock_ns();
    for (unsigned i = 0; i < ADOPTS; i++) {
        int r = fanfare_adopt(fanfare, pairs[i][0], &subscription, NULL);
        CHECK(r == 0);
    }
    double ns = (double)(clock_ns() - begin_ns) / ADOPTS;
    await_subscribers(fanfare, ADOPTS);
    for (unsigned i = 0; i < ADOPTS; i++)
        close(pairs[i][1]);
    await_subscribers(fanfare, 0);
    return ns;
}

static void bench_adopt(struct report *report)
{
    struct fanfare *fanfare = fanfare_new();
    struct samples adopt = {0};
    fanfare_set(fanfare, "workers", "1");
    int r = fanfare_start(fanfare);
    CHECK(r == 0);
    (void)adopt_ns(fanfare);
    for (unsigned repeat = 0; repeat < report->repeats; repeat++)
        samples_add(&adopt, adopt_ns(fanfare));
    fanfare_free(fanfare);
    report_add(report, &adopt,
               &(struct result){.unit = "ns per call",
                                .detail = "It looks at the socket and wakes the worker, too."},
               "library.adopt");
}

/* Of a process with one thread the C library spares itself what a mutex costs, and whoever embeds
 * an engine has more. */
static void *idle(void *over)
{
    sem_wait(over);
    return NULL;
}

void bench_library(struct report *report)
{
    pthread_t thread;
    sem_t over;
    sem_init(&over, 0, 0);
    CHECK(pthread_create(&thread, NULL, idle, &over) == 0);
    memset(data, 'x', sizeof(data));
    bench_calls(report, 8, 5);
    bench_calls(report, 64, 12);
    bench_threads(report);
    bench_adopt(report);
    bench_wake(report);
    sem_post(&over);
    pthread_join(thread, NULL);
    sem_destroy(&over);
}
