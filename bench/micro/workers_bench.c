/* SPDX-License-Identifier: MIT */
/*
 * What an event costs with 1, 8 and 64 workers: hub_publish, which looks at every inbox and stores
 * into it, and what each worker does with an event that nobody listens to: take, keep, sweep, give
 * back, evict. The workers are turned by hand, one after the other on this one thread, so their
 * threads, caches and the traffic between them are not in it; 64 inboxes and histories in one
 * core's cache are harder on it than one in each of 64.
 *
 * The target: 64 workers cost no more than 64 times as much as one.
 */
#include "bench/micro/benches.h"
#include "bench/micro/stage.h"
#include "engine/base/clock.h"

#define HISTORY_EVENTS 1000u
#define DATA_BYTES     128u
/* Events between two turns. */
#define BATCH_EVENTS 256u
/* Worker-events to a repeat: some tens of milliseconds. */
#define WORKER_EVENTS 800000u

struct cost {
    double publish_ns, work_ns; /* per event */
};

static struct cost cost_of(struct stage *stage, unsigned call, unsigned batches)
{
    struct frame *frames[BATCH_EVENTS];
    int64_t publish_ns = 0, work_ns = 0;
    for (unsigned i = 0; i < batches; i++) {
        stage_build(stage, TEXT("bench"), DATA_BYTES, frames, BATCH_EVENTS);
        int64_t begin_ns = clock_ns();
        stage_publish(stage, frames, BATCH_EVENTS, call);
        int64_t middle_ns = clock_ns();
        stage_settle(stage);
        work_ns += clock_ns() - middle_ns;
        publish_ns += middle_ns - begin_ns;
    }
    double events = (double)batches * BATCH_EVENTS;
    return (struct cost){(double)publish_ns / events, (double)work_ns / events};
}

/* All that is found out about one number of workers. */
struct crowd {
    unsigned workers;
    struct stage stage;
    struct samples publish, work, all, each;
};

static void crowd_init(struct crowd *crowd, unsigned workers, unsigned call)
{
    *crowd = (struct crowd){.workers = workers};
    stage_init(&crowd->stage, &(struct stage_options){.workers = workers,
                                                      .subscribers = 1,
                                                      .history_events = HISTORY_EVENTS});
    /* Until history is full, and what it remembers of evicted events too. */
    cost_of(&crowd->stage, call, 3 * (HISTORY_EVENTS + EVICTED_REMEMBERED) / BATCH_EVENTS);
}

/* One repeat: nanoseconds per event. */
static double crowd_repeat(struct crowd *crowd, unsigned call)
{
    unsigned workers = crowd->workers;
    struct cost cost = cost_of(&crowd->stage, call, WORKER_EVENTS / BATCH_EVENTS / workers);
    double all_ns = cost.publish_ns + cost.work_ns;
    samples_add(&crowd->publish, cost.publish_ns);
    samples_add(&crowd->work, cost.work_ns / workers);
    samples_add(&crowd->all, all_ns);
    samples_add(&crowd->each, all_ns / workers);
    return all_ns;
}

static void crowd_report(struct report *report, const struct crowd *crowd, unsigned call)
{
    static const struct result event = {.unit = "ns per event"};
    static const struct result each = {.unit = "ns per event and worker"};
    report_add(report, &crowd->publish, &event, "workers.%u.by_%u.publish", crowd->workers, call);
    report_add(report, &crowd->work, &each, "workers.%u.by_%u.work", crowd->workers, call);
    report_add(report, &crowd->all, &event, "workers.%u.by_%u.event", crowd->workers, call);
    report_add(report, &crowd->each, &each, "workers.%u.by_%u.each", crowd->workers, call);
}

/* `call` events to a hub_publish. The crowds take turns, and each turn gives one ratio, so that
 * what else the machine does falls on all of them alike. */
static void bench_call(struct report *report, unsigned call)
{
    static const unsigned workers[] = {1, 8, 64};
    static struct crowd crowds[3];
    struct samples growth = {0};
    for (unsigned i = 0; i < 3; i++)
        crowd_init(&crowds[i], workers[i], call);
    for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
        double ns[3];
        for (unsigned i = 0; i < 3; i++)
            ns[i] = crowd_repeat(&crowds[i], call);
        samples_add(&growth, ns[2] / ns[0] / workers[2]);
    }
    for (unsigned i = 0; i < 3; i++) {
        crowd_report(report, &crowds[i], call);
        stage_deinit(&crowds[i].stage);
    }
    report_add(report, &growth,
               &(struct result){.unit = "cost with 64 / cost with 1 / 64", .at_most = 1},
               "workers.by_%u.growth", call);
}

void bench_workers(struct report *report)
{
    bench_call(report, 1);           /* as over HTTP */
    bench_call(report, TURN_EVENTS); /* as many as a feed publishes in a turn */
}
