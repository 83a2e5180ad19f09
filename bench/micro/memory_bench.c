/* SPDX-License-Identifier: MIT */
/*
 * What an idle channel takes on a worker, from what malloc says is in use before and after: record,
 * member list, ring, what is remembered of evicted events, and the channel's part of the table.
 * Frames are shared by all workers and not counted; neither is the subscriber's record, which lies
 * in memory of its own (worker.h).
 *
 * Three kinds of idle: with one event in history and nobody listening; with one subscriber after
 * its one event has expired; and the same after a hundred events have, since what a channel once
 * needed it may keep. A channel without both is dropped, and takes nothing.
 *
 * The target: less than 512 bytes.
 */
#include <malloc.h>

#include "bench/micro/benches.h"
#include "bench/micro/stage.h"

#define CHANNELS       100000u
#define BUSY_CHANNELS  2000u
#define BUSY_EVENTS    100u
#define DATA_BYTES     16u
#define BATCH_EVENTS   1024u
#define HISTORY_EVENTS 10000u
#define TARGET_BYTES   511.0
/* Longer than the interval in which a worker looks for what has expired. */
#define STEP_NS 300000000

static double in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)info.uordblks + (double)info.hblkhd;
}

static struct text name_of(char *name, size_t size, uint32_t index)
{
    return (struct text){name, (size_t)snprintf(name, size, "channel-%06u", index)};
}

static void build_all(struct stage *stage, struct frame **frames, uint32_t channels)
{
    char name[32];
    for (uint32_t i = 0; i < channels; i++)
        stage_build(stage, name_of(name, sizeof(name), i), DATA_BYTES, &frames[i], 1);
}

static void publish_all(struct stage *stage, struct frame **frames, uint32_t channels)
{
    for (uint32_t i = 0; i < channels; i += BATCH_EVENTS) {
        unsigned count = channels - i < BATCH_EVENTS ? channels - i : BATCH_EVENTS;
        stage_publish(stage, frames + i, count, count);
        stage_settle(stage);
    }
}

static void join_all(struct stage *stage, uint32_t channels)
{
    char name[32];
    for (uint32_t i = 0; i < channels; i++) {
        stage_subscribe(stage, name_of(name, sizeof(name), i), (struct text){NULL, 0});
        if (i % HANDOFF_BATCH == 0)
            stage_settle(stage);
    }
    stage_settle(stage);
}

/* Lets time pass until all history has expired; a worker expires a bounded number at a time. */
static void expire_all(struct stage *stage)
{
    struct worker *worker = hub_worker(stage->hub, 0);
    stage->ios[0]->ahead_ns += (int64_t)worker->limits.history_age_s * 1000000000;
    while (atomic_load_explicit(&worker->counters.history_events, memory_order_relaxed)) {
        stage->ios[0]->ahead_ns += STEP_NS;
        stage_settle(stage);
    }
}

static struct frame **frames_new(void)
{
    struct frame **frames = calloc(CHANNELS, sizeof(*frames));
    CHECK(frames);
    return frames;
}

static double with_history_bytes(void)
{
    struct stage stage;
    struct frame **frames = frames_new();
    stage_init(&stage, &(struct stage_options){
                           .workers = 1, .subscribers = 1, .history_events = HISTORY_EVENTS});
    build_all(&stage, frames, CHANNELS);
    double before = in_use();
    publish_all(&stage, frames, CHANNELS);
    double bytes = (in_use() - before) / CHANNELS;
    stage_deinit(&stage);
    free(frames);
    return bytes;
}

static double with_member_bytes(uint32_t channels, uint32_t events)
{
    struct stage stage;
    struct frame **frames = frames_new();
    stage_init(&stage, &(struct stage_options){.workers = 1,
                                               .subscribers = channels,
                                               .history_events = HISTORY_EVENTS});
    double before = in_use();
    join_all(&stage, channels);
    for (uint32_t i = 0; i < events; i++) {
        build_all(&stage, frames, channels);
        publish_all(&stage, frames, channels);
    }
    expire_all(&stage);
    double bytes = (in_use() - before) / channels;
    CHECK(hub_worker(stage.hub, 0)->channels.count == channels);
    stage_deinit(&stage);
    free(frames);
    return bytes;
}

void bench_memory(struct report *report)
{
    if (in_use() <= 0) {
        fprintf(stderr, "memory: this malloc (a sanitizer's?) does not say what is in use, so "
                        "nothing is measured\n");
        return;
    }
    struct samples history = {0}, member = {0}, busy = {0};
    for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
        samples_add(&history, with_history_bytes());
        samples_add(&member, with_member_bytes(CHANNELS, 1));
        samples_add(&busy, with_member_bytes(BUSY_CHANNELS, BUSY_EVENTS));
    }
    char detail[128];
    snprintf(detail, sizeof(detail), "The record itself is %zu bytes and the name.",
             sizeof(struct channel));
    const char *unit = "bytes per channel and worker";
    report_add(report, &history,
               &(struct result){.unit = unit, .detail = detail, .at_most = TARGET_BYTES},
               "memory.idle.one_event");
    report_add(report, &member, &(struct result){.unit = unit, .at_most = TARGET_BYTES},
               "memory.idle.one_subscriber");
    report_add(report, &busy,
               &(struct result){.unit = unit,
                                .detail = "One subscriber; a hundred events have come and expired: "
                                          "of each eight bytes are remembered (engine/history.h)."},
               "memory.idle.once_busy");
}
