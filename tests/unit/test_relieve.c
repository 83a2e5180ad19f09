/* SPDX-License-Identifier: MIT */
/* The memory ceiling: what goes first. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/flow.h"
#include "engine/hub.h"
#include "engine/own_channel.h"
#include "threadless.h"

#define OTHERS     64u
#define OWN        512u
#define DATA_BYTES 1000u

static struct hub *hub;
static struct worker *worker;

static void begin(void)
{
    static const char *const rules[] = {"* presence"};
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    options.rules = rules;
    options.rule_count = 1;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    worker = hub_worker(hub, 0);
}

static void end(void)
{
    threadless_end(hub);
}

static void publish(const char *kind, unsigned number, bool ours)
{
    char name[64], data[DATA_BYTES];
    uint64_t first;
    struct frame *frame;
    snprintf(name, sizeof(name), "%s%u", kind, number);
    memset(data, 'x', sizeof(data));
    struct event event = {
        .channel = text_of(name), .data = {data, sizeof(data)}, .retry_ms = -1, .ours = ours};
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
}

static uint64_t kept(const char *kind, unsigned number)
{
    char name[64];
    snprintf(name, sizeof(name), "%s%u", kind, number);
    struct text text = text_of(name);
    const struct channel *channel =
        channels_find(&worker->channels, hash_text(&worker->options->key, text), text);
    return channel ? history_count(&channel->history) : 0;
}

/* So that a worker has so much more than it may. */
static void allow(uint64_t too_much)
{
    uint64_t own = worker->memory.kept_bytes +
                   atomic_load(&worker->flow->record_bytes); /* at most 7/8 of 3/4 of it */
    worker->limits.memory_max = (own - too_much) * 32 / 21;
    cr_assert_gt(own, flow_memory_room(worker->limits.memory_max) / 8 * 7);
}

/* Those of the server's own, although all others are older. */
Test(relieve, presence_goes_first, .init = begin, .fini = end)
{
    for (unsigned i = 0; i < OTHERS; i++)
        publish("others/", i, false);
    threadless_turns(worker);
    for (unsigned i = 0; i < OWN; i++)
        publish(OWN_PRESENCE, i, true);
    threadless_turns(worker);
    cr_assert_eq(kept(OWN_PRESENCE, OWN - 1), 1);
    allow(100 * DATA_BYTES);
    threadless_turns(worker);
    uint64_t others = 0, own = 0;
    for (unsigned i = 0; i < OTHERS; i++)
        others += kept("others/", i);
    for (unsigned i = 0; i < OWN; i++)
        own += kept(OWN_PRESENCE, i);
    cr_expect_eq(others, OTHERS);
    cr_expect(own > 0 && own < OWN - 50, "%lu", own);
    allow(worker->memory.kept_bytes / 10 * 9); /* more than they have */
    threadless_turns(worker);
    cr_expect_eq(kept(OWN_PRESENCE, OWN - 1), 0);
}
