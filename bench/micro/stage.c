/* SPDX-License-Identifier: MIT */
/* See stage.h. */
#include "bench/micro/stage.h"

/* Numbers that no real descriptor has. */
#define FD_FIRST 1000000000

static char data_bytes_of_x[STAGE_DATA_BYTES_MAX];

/* --- life ------------------------------------------------------------------------------------ */

static int open_io(void *context, unsigned index, struct io **ret_io)
{
    struct stage *stage = context;
    int r = io_null_open(&stage->ios[index]);
    if (r == 0)
        *ret_io = &stage->ios[index]->io;
    return r;
}

void stage_init(struct stage *stage, const struct stage_options *options)
{
    struct hub_options hub_options;
    hub_options_default(&hub_options);
    hub_options.workers = options->workers;
    hub_options.worker_subscribers = options->subscribers;
    hub_options.history_events = options->history_events;
    hub_options.memory_max = 0;
    hub_options.subscriber_ids = options->subscriber_ids;
    hub_options.heartbeat_s = 0; /* a bench counts its own sends only */
    memset(data_bytes_of_x, 'x', sizeof(data_bytes_of_x));
    *stage = (struct stage){.workers = options->workers, .next_fd = FD_FIRST};
    int r = hub_new(&hub_options, &stage->hub);
    CHECK(r == 0);
    r = hub_start_threadless(stage->hub, open_io, stage);
    CHECK(r == 0);
}

void stage_deinit(struct stage *stage)
{
    hub_close(stage->hub);
    uint64_t final = hub_next_sequence(stage->hub);
    for (unsigned i = 0; i < stage->workers; i++)
        worker_drain(hub_worker(stage->hub, i), final);
    for (unsigned i = 0; i < stage->workers; i++) {
        struct worker *worker = hub_worker(stage->hub, i);
        while (!worker->stopped)
            worker_turn(worker);
        worker->io->operations->close(worker->io);
    }
    hub_stop(stage->hub);
    stage->hub = hub_free(stage->hub);
}

/* --- what benches do ------------------------------------------------------------------------- */

void stage_build(struct stage *stage, struct text channel, uint32_t data_bytes,
                 struct frame **frames, unsigned count)
{
    CHECK(data_bytes <= STAGE_DATA_BYTES_MAX);
    struct event event = {
        .channel = channel, .data = {data_bytes_of_x, data_bytes}, .retry_ms = -1};
    for (unsigned i = 0; i < count; i++) {
        int r = hub_frame(stage->hub, &event, &frames[i]);
        CHECK(r == 0);
    }
}

void stage_publish(struct stage *stage, struct frame **frames, unsigned count, unsigned batch)
{
    for (unsigned i = 0; i < count; i += batch) {
        uint64_t first;
        unsigned rest = count - i;
        int r = hub_publish(stage->hub, frames + i, rest < batch ? rest : batch, &first);
        CHECK(r == 0);
    }
}

void stage_subscribe(struct stage *stage, struct text channel, struct text resume)
{
    struct subscribe_request request = {.fd = stage->next_fd++,
                                        .before = hub_next_sequence(stage->hub),
                                        .channels = &channel,
                                        .channel_count = 1,
                                        .has_resume = resume.len > 0,
                                        .resume = resume};
    int r = hub_subscribe(stage->hub, &request, NULL);
    CHECK(r == 0);
}

void stage_settle(struct stage *stage)
{
    for (unsigned i = 0; i < stage->workers; i++)
        while (worker_turn(hub_worker(stage->hub, i)))
            ;
}

void stage_join(struct stage *stage, struct text channel, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        stage_subscribe(stage, channel, (struct text){NULL, 0});
        /* A hand-off takes more than a KiB, so they are not all made at once. */
        if (i % HANDOFF_BATCH == HANDOFF_BATCH - 1)
            stage_settle(stage);
    }
    stage_settle(stage);
}
