/* SPDX-License-Identifier: MIT */
/*
 * Looking into a history of 10,000 frames: by sequence, at the very end (as every sweep does) and
 * anywhere (as a resume does), and by a publisher's own id. The channel's sequences have gaps, as
 * they do when other channels are published to as well.
 */
#include "bench/micro/benches.h"
#include "engine/base/clock.h"
#include "engine/history.h"
#include "engine/io/io.h"
#include "tests/sim/io_sim.h"

#define FRAMES  10000u
#define LOOKUPS 65536u
/* Up to so many events of other channels come between two of this one's. */
#define STEP_MAX   8u
#define DATA_BYTES 128u

static const struct hash_key key;
static struct sim_random chance = {4711};

/* Returns the newest sequence. */
static uint64_t fill(struct history *history, bool with_ids)
{
    char data[DATA_BYTES], id[16];
    uint64_t sequence = 0;
    memset(data, 'x', sizeof(data));
    struct ids ids;
    ids_init(&ids, 0xabcdef, NULL);
    for (unsigned i = 0; i < FRAMES; i++) {
        struct event event = {
            .channel = TEXT("bench"), .data = {data, sizeof(data)}, .retry_ms = -1};
        if (with_ids)
            event.id = (struct text){id, (size_t)snprintf(id, sizeof(id), "order-%u", i)};
        struct frame *frame;
        int r = frame_new(&event, 0, &frame);
        CHECK(r == 0);
        sequence += sim_random_between(&chance, 1, STEP_MAX);
        frame_stamp(frame, &ids, sequence);
        r = history_add(history, &key, frame);
        CHECK(r == 0);
    }
    return sequence;
}

static double after_ns(const struct history *history, const uint64_t *sequences)
{
    uint64_t places = 0;
    int64_t begin_ns = clock_ns();
    for (unsigned i = 0; i < LOOKUPS; i++)
        places += history_after(history, sequences[i]);
    int64_t all_ns = clock_ns() - begin_ns;
    CHECK(places > 0 && places <= (uint64_t)LOOKUPS * FRAMES);
    return (double)all_ns / LOOKUPS;
}

static double find_id_ns(const struct history *history, char (*ids)[16])
{
    unsigned found = 0;
    int64_t begin_ns = clock_ns();
    for (unsigned i = 0; i < LOOKUPS; i++) {
        uint64_t sequence;
        found += history_find_id(history, &key, text_of(ids[i]), &sequence);
    }
    int64_t all_ns = clock_ns() - begin_ns;
    CHECK(found == LOOKUPS);
    return (double)all_ns / LOOKUPS;
}

static void bench_after(struct report *report)
{
    static uint64_t anywhere[LOOKUPS], at_end[LOOKUPS];
    struct history history;
    history_init(&history, 0);
    uint64_t newest = fill(&history, false);
    for (unsigned i = 0; i < LOOKUPS; i++) {
        anywhere[i] = sim_random_below(&chance, newest);
        at_end[i] = newest + i % 2;
    }
    struct samples random = {0}, end = {0};
    after_ns(&history, anywhere);
    after_ns(&history, at_end);
    for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
        samples_add(&random, after_ns(&history, anywhere));
        samples_add(&end, after_ns(&history, at_end));
    }
    report_add(report, &random, &(struct result){.unit = "ns per lookup"}, "history.after.random");
    report_add(report, &end, &(struct result){.unit = "ns per lookup"}, "history.after.end");
    history_deinit(&history);
}

static void bench_find_id(struct report *report)
{
    static char ids[LOOKUPS][16];
    struct history history;
    history_init(&history, 0);
    fill(&history, true);
    for (unsigned i = 0; i < LOOKUPS; i++)
        snprintf(ids[i], sizeof(ids[i]), "order-%u", (unsigned)sim_random_below(&chance, FRAMES));
    struct samples samples = {0};
    find_id_ns(&history, ids);
    for (unsigned repeat = 0; repeat < report->repeats; repeat++)
        samples_add(&samples, find_id_ns(&history, ids));
    report_add(report, &samples, &(struct result){.unit = "ns per lookup"}, "history.find_id");
    history_deinit(&history);
}

void bench_history(struct report *report)
{
    bench_after(report);
    bench_find_id(report);
}
