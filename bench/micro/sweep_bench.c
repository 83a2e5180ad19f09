/* SPDX-License-Identifier: MIT */
/*
 * A worker's sweep over sockets that take everything: one channel with 1,000 and 10,000
 * subscribers, one event to a sweep and 64. Timed is all that the worker does from the inbox to the
 * flush: taking, keeping in history (which is full, so each event evicts one), laying the run end
 * to end, one send to each subscriber, settling. Building and publishing are not timed.
 */
#include "bench/micro/benches.h"
#include "bench/micro/stage.h"
#include "engine/base/clock.h"

#define HISTORY_EVENTS 1000u
#define DATA_BYTES     128u
#define EVENTS_MAX     64u
/* Sends to a repeat: some tens of milliseconds. */
#define SENDS 400000u

/* Nanoseconds of `rounds` sweeps. */
static int64_t sweeps_ns(struct stage *stage, unsigned events, unsigned rounds)
{
    struct frame *frames[EVENTS_MAX];
    int64_t all_ns = 0;
    for (unsigned round = 0; round < rounds; round++) {
        stage_build(stage, TEXT("bench"), DATA_BYTES, frames, events);
        stage_publish(stage, frames, events, events);
        int64_t begin_ns = clock_ns();
        stage_settle(stage);
        all_ns += clock_ns() - begin_ns;
    }
    return all_ns;
}

static void bench_one(struct report *report, struct stage *stage, unsigned subscribers,
                      unsigned events)
{
    unsigned rounds = SENDS / subscribers;
    struct samples send = {0}, delivery = {0};
    sweeps_ns(stage, events, 2 * HISTORY_EVENTS / events); /* until the history is full */
    for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
        uint64_t sends = stage->ios[0]->sends;
        double ns = (double)sweeps_ns(stage, events, rounds);
        sends = stage->ios[0]->sends - sends;
        CHECK(sends == (uint64_t)rounds * subscribers);
        samples_add(&send, ns / (double)sends);
        samples_add(&delivery, ns / (double)sends / events);
    }
    report_add(report, &send, &(struct result){.unit = "ns per send"}, "sweep.%u.%u.send",
               subscribers, events);
    report_add(report, &delivery, &(struct result){.unit = "ns per delivery"},
               "sweep.%u.%u.delivery", subscribers, events);
}

void bench_sweep(struct report *report)
{
    static const unsigned crowds[] = {1000, 10000};
    for (unsigned i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++) {
        struct stage stage;
        stage_init(&stage, &(struct stage_options){.workers = 1,
                                                   .subscribers = crowds[i],
                                                   .history_events = HISTORY_EVENTS});
        stage_join(&stage, TEXT("bench"), crowds[i]);
        bench_one(report, &stage, crowds[i], 1);
        bench_one(report, &stage, crowds[i], EVENTS_MAX);
        stage_deinit(&stage);
    }
}
