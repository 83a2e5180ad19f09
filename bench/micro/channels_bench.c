/* SPDX-License-Identifier: MIT */
/*
 * Events spread over 100,000 channels, in an order without pattern, held against the same number of
 * events on one: what finding the channel's record costs, with all the cache misses that come with
 * it. Timed are hub_publish and all the worker does; there are no subscribers.
 */
#include "bench/micro/benches.h"
#include "bench/micro/stage.h"
#include "tests/sim/io_sim.h"
#include "engine/base/clock.h"

#define CHANNELS   100000u
#define DATA_BYTES 128u
/* Each channel's history is full after the first repeats, and the whole fits 200 MB. */
#define HISTORY_EVENTS 4u
/* Events between two turns. */
#define BATCH_EVENTS 1024u

static uint32_t order[CHANNELS];

static void shuffle(void)
{
    struct sim_random chance = {4711};
    for (uint32_t i = 0; i < CHANNELS; i++)
        order[i] = i;
    for (uint32_t i = CHANNELS; i > 1; i--) {
        uint32_t at = (uint32_t)sim_random_below(&chance, i);
        uint32_t kept = order[i - 1];
        order[i - 1] = order[at];
        order[at] = kept;
    }
}

/* One event for each channel if `spread`, or as many for one. */
static double event_ns(struct stage *stage, bool spread)
{
    static struct frame *frames[BATCH_EVENTS];
    int64_t all_ns = 0;
    for (uint32_t i = 0; i < CHANNELS; i += BATCH_EVENTS) {
        unsigned count = CHANNELS - i < BATCH_EVENTS ? CHANNELS - i : BATCH_EVENTS;
        for (unsigned k = 0; k < count; k++) {
            char name[32];
            snprintf(name, sizeof(name), "channel-%06u", spread ? order[i + k] : 0);
            stage_build(stage, text_of(name), DATA_BYTES, &frames[k], 1);
        }
        int64_t begin_ns = clock_ns();
        stage_publish(stage, frames, count, TURN_EVENTS);
        stage_settle(stage);
        all_ns += clock_ns() - begin_ns;
    }
    return (double)all_ns / CHANNELS;
}

void bench_channels(struct report *report)
{
    static const struct stage_options options = {
        .workers = 1, .subscribers = 1, .history_events = HISTORY_EVENTS};
    struct stage one, many;
    struct samples first = {0}, one_ns = {0}, many_ns = {0}, ratio = {0};
    shuffle();
    stage_init(&one, &options);
    stage_init(&many, &options);
    event_ns(&one, false);
    samples_add(&first, event_ns(&many, true));
    for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
        double one_now_ns = event_ns(&one, false);
        double many_now_ns = event_ns(&many, true);
        samples_add(&one_ns, one_now_ns);
        samples_add(&many_ns, many_now_ns);
        samples_add(&ratio, many_now_ns / one_now_ns);
    }
    stage_deinit(&many);
    stage_deinit(&one);
    report_add(report, &first,
               &(struct result){.unit = "ns per event",
                                .detail = "Each event makes its channel's record; done once."},
               "channels.%u.first", CHANNELS);
    report_add(report, &one_ns, &(struct result){.unit = "ns per event"}, "channels.1.event");
    report_add(report, &many_ns, &(struct result){.unit = "ns per event"}, "channels.%u.event",
               CHANNELS);
    report_add(report, &ratio, &(struct result){.unit = "100,000 channels / 1 channel, time"},
               "channels.ratio");
}
