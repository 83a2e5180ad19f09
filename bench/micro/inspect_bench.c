/* SPDX-License-Identifier: MIT */
/*
 * Looking while events flow: a worker with 100,000 channels and 1,000,000 subscribers delivers, and
 * is asked for all of both, page after page, or for nothing. Side by side in one run: how long the
 * worker's turns take until an event has gone to the 100,000 readers of one channel, and until 64
 * events have gone to the nine of 64 others each. Between two deliveries nothing is timed, and the
 * asker's part (reading a page, asking for the next one) is not the worker's.
 *
 * The sockets take everything at once (io_null.h), so that a turn's own work is as short as it can
 * be, and what is added to it shows most.
 */
#include <stdlib.h>

#include "bench/micro/benches.h"
#include "bench/micro/stage.h"
#include "tests/sim/io_sim.h"
#include "engine/base/clock.h"

#define CHANNELS    100000u
#define READERS     9u      /* of each of them */
#define CROWD       100000u /* of one more */
#define SUBSCRIBERS (CHANNELS * READERS + CROWD)
#define DATA_BYTES  128u
#define BURST       64u

/* --- who asks -------------------------------------------------------------------------------- */

struct asker {
    struct stage *stage;
    struct control *control; /* under way; NULL: none is */
    bool done;
    bool lists_subscribers;
    struct control_channel channel; /* the last one of the page */
    uint64_t subscriber;
    uint64_t listed, rounds; /* entries; of whole lists */
};

static void on_done(struct control *control)
{
    ((struct asker *)control->request.context)->done = true;
}

static void ask(struct asker *asker)
{
    struct control_request request = {.kind = asker->lists_subscribers ? CONTROL_SUBSCRIBERS
                                                                       : CONTROL_CHANNELS,
                                      .after = {asker->channel.name, asker->channel.name_len},
                                      .subscriber = asker->subscriber,
                                      .limit = CONTROL_LIMIT_MAX,
                                      .done = on_done,
                                      .context = asker};
    asker->done = false;
    asker->control = control_new(&request, 1);
    CHECK(asker->control);
    int r = hub_control(asker->stage->hub, asker->control);
    CHECK(r == 0);
}

/* Takes a page that is done; a list that is over is followed by the other one. */
static void take_page(struct asker *asker)
{
    struct control_subscriber subscriber;
    if (asker->lists_subscribers)
        for (; control_next_subscriber(asker->control, &subscriber); asker->listed++)
            asker->subscriber = subscriber.id;
    else
        while (control_next_channel(asker->control, &asker->channel))
            asker->listed++;
    if (!asker->control->more) {
        asker->lists_subscribers = !asker->lists_subscribers;
        asker->subscriber = 0;
        asker->channel.name_len = 0;
        asker->rounds++;
    }
    asker->control = control_free(asker->control);
}

/* --- what is timed --------------------------------------------------------------------------- */

static uint32_t order[CHANNELS];

static void shuffle(struct sim_random *chance)
{
    for (uint32_t i = 0; i < CHANNELS; i++)
        order[i] = i;
    for (uint32_t i = CHANNELS; i > 1; i--) {
        uint32_t at = (uint32_t)sim_random_below(chance, i);
        uint32_t kept = order[i - 1];
        order[i - 1] = order[at];
        order[at] = kept;
    }
}

static struct text name_of(uint32_t channel, char room[32])
{
    int len = snprintf(room, 32, "channel-%06u", channel);
    return (struct text){room, (size_t)len};
}

static void join_all(struct stage *stage)
{
    char room[32];
    for (uint32_t i = 0; i < CHANNELS * READERS; i++) {
        stage_subscribe(stage, name_of(order[i % CHANNELS], room), (struct text){NULL, 0});
        if (i % HANDOFF_BATCH == HANDOFF_BATCH - 1)
            stage_settle(stage);
    }
    stage_join(stage, TEXT("crowd"), CROWD);
}

/* The time of the turns until so many sends are made. `asker` may be NULL. */
static double turns_us(struct stage *stage, struct asker *asker, uint64_t sends)
{
    struct worker *worker = hub_worker(stage->hub, 0);
    uint64_t end = stage->ios[0]->sends + sends;
    int64_t all_ns = 0;
    while (stage->ios[0]->sends < end) {
        if (asker && (!asker->control || asker->done)) {
            if (asker->control)
                take_page(asker);
            ask(asker);
        }
        int64_t begin_ns = clock_ns();
        worker_turn(worker);
        all_ns += clock_ns() - begin_ns;
    }
    return (double)all_ns / 1000;
}

/* What is published lies in the inbox; the worker has nothing else to do then. */
static double deliver_us(struct stage *stage, struct asker *asker, struct sim_random *chance,
                         bool crowd)
{
    struct frame *frames[BURST];
    char room[32];
    unsigned count = crowd ? 1 : BURST;
    /* In a row of the order, so that no channel has two. */
    uint32_t from = (uint32_t)sim_random_below(chance, CHANNELS - BURST);
    for (unsigned i = 0; i < count; i++)
        stage_build(stage, crowd ? TEXT("crowd") : name_of(order[from + i], room), DATA_BYTES,
                    &frames[i], 1);
    stage_publish(stage, frames, count, count);
    return turns_us(stage, asker, crowd ? CROWD : BURST * READERS);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct quantiles {
    struct samples half, most, worst; /* p50, p99 */
};

#define ROUNDS_CROWD 300u
#define ROUNDS_BURST 2000u

static void measure(struct stage *stage, struct asker *asker, struct sim_random *chance, bool crowd,
                    struct quantiles *quantiles)
{
    static double us[ROUNDS_BURST];
    unsigned rounds = crowd ? ROUNDS_CROWD : ROUNDS_BURST;
    for (unsigned i = 0; i < rounds; i++)
        us[i] = deliver_us(stage, asker, chance, crowd);
    if (asker && asker->control) { /* not to be answered while others are measured */
        stage_settle(stage);
        take_page(asker);
    }
    qsort(us, rounds, sizeof(us[0]), compare);
    samples_add(&quantiles->half, us[rounds / 2]);
    samples_add(&quantiles->most, us[rounds - 1 - rounds / 100]);
    samples_add(&quantiles->worst, us[rounds - 1]);
}

/* Seconds that a whole list takes of a worker that has nothing else to do. */
static double list_s(struct stage *stage, struct asker *asker)
{
    uint64_t rounds = asker->rounds, listed = asker->listed;
    bool subscribers = asker->lists_subscribers;
    int64_t all_ns = 0;
    while (asker->rounds == rounds) {
        ask(asker);
        int64_t begin_ns = clock_ns();
        stage_settle(stage);
        all_ns += clock_ns() - begin_ns;
        take_page(asker);
    }
    CHECK(asker->listed - listed == (subscribers ? SUBSCRIBERS : CHANNELS + 1));
    return (double)all_ns / 1e9;
}

static void add_rows(struct report *report, const char *name, struct quantiles pair[2])
{
    static const char *const kinds[] = {"without", "with"};
    struct samples ratio = {0};
    for (unsigned i = 0; i < 2; i++) {
        report_add(report, &pair[i].half, &(struct result){.unit = "us"}, "inspect.%s.%s.p50", name,
                   kinds[i]);
        report_add(report, &pair[i].most, &(struct result){.unit = "us"}, "inspect.%s.%s.p99", name,
                   kinds[i]);
        report_add(report, &pair[i].worst, &(struct result){.unit = "us"}, "inspect.%s.%s.worst",
                   name, kinds[i]);
    }
    for (unsigned i = 0; i < pair[0].most.count; i++)
        samples_add(&ratio, pair[1].most.values[i] / pair[0].most.values[i]);
    report_add(report, &ratio,
               &(struct result){.unit = "p99 with lists / without", .at_most = 1.25},
               "inspect.%s.ratio", name);
}

void bench_inspect(struct report *report)
{
    static const struct stage_options options = {
        .workers = 1, .subscribers = SUBSCRIBERS, .history_events = 4, .subscriber_ids = true};
    struct stage stage;
    struct sim_random chance = {4711};
    struct quantiles crowd[2] = {0}, burst[2] = {0};
    struct samples channels = {0}, subscribers = {0};
    shuffle(&chance);
    stage_init(&stage, &options);
    join_all(&stage);
    struct asker asker = {.stage = &stage};
    samples_add(&channels, list_s(&stage, &asker));
    samples_add(&subscribers, list_s(&stage, &asker));
    for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
        for (unsigned with = 0; with < 2; with++) {
            measure(&stage, with ? &asker : NULL, &chance, true, &crowd[with]);
            measure(&stage, with ? &asker : NULL, &chance, false, &burst[with]);
        }
    }
    stage_deinit(&stage);
    report_add(report, &channels,
               &(struct result){.unit = "s", .detail = "100 pages, and nothing else to do; once."},
               "inspect.list.%u_channels", CHANNELS);
    report_add(report, &subscribers, &(struct result){.unit = "s", .detail = "1,000 pages; once."},
               "inspect.list.%u_subscribers", SUBSCRIBERS);
    add_rows(report, "crowd", crowd);
    add_rows(report, "burst", burst);
}
