/* SPDX-License-Identifier: MIT */
/* See keys.h. */
#include "tests/sim/keys.h"

#include <inttypes.h>

#include "tests/sim/fail.h"
#include "tests/sim/world.h"

static bool keeps(const struct worker *worker, unsigned channel, uint64_t sequence)
{
    const struct channel *record = world_record(worker, channel);
    return worker->position <= sequence || (record && record->history.evicted_through < sequence);
}

/* The event of the channel that the key means, as long as anybody keeps it; 0: none. */
static uint64_t find(unsigned channel, unsigned key, uint64_t before)
{
    const struct model_channel *found = &world->model.channels[channel];
    uint64_t close = model_close_before(&world->model, channel, before);
    for (size_t at = found->count; at > 0; at--) {
        uint64_t sequence = found->sequences[at - 1];
        if (sequence < close)
            return 0;
        if (sequence >= before || model_at(&world->model, sequence)->key != key)
            continue;
        for (unsigned w = 0; w < world->worker_count; w++)
            if (keeps(world->workers[w].worker, channel, sequence))
                return sequence;
        return 0;
    }
    return 0;
}

void keys_stamped(const struct model_event *event)
{
    uint64_t first = event->key ? find(event->channel, event->key, event->sequence) : 0;
    if (first)
        fail("event %" PRIu64 " of channel %u has key %u, as event %" PRIu64 " had",
             event->sequence, event->channel, event->key, first);
}

/* Somebody else has claimed its place, and is at the stamps before it. */
static bool is_about_to_be(const struct publisher *publisher, const struct model_event *event)
{
    for (unsigned p = 0; p < WORLD_PUBLISHERS_MAX; p++) {
        const struct publisher *other = &world->publishers[p];
        for (unsigned i = other->stamped; other != publisher && other->within && i < other->count;
             i++)
            if (other->events[i].channel == event->channel && other->events[i].key == event->key)
                return true;
    }
    return false;
}

void keys_known(const struct publisher *publisher, unsigned index)
{
    const struct model_event *event = &publisher->events[index];
    const struct frame *frame = publisher->frames[index];
    char id[EVENT_ID_BYTES_MAX], ours[ID_LEN];
    uint64_t first = event->key ? find(event->channel, event->key, UINT64_MAX) : 0;
    uint64_t told = frame->sequence;
    if (is_about_to_be(publisher, event))
        return;
    const struct model_event *before =
        told && told <= world->model.published ? model_at(&world->model, told) : NULL;
    if (!before || before->channel != event->channel || before->key != event->key)
        fail("publisher %u is told that its event %u was published before as %" PRIu64
             ", in truth as %" PRIu64,
             publisher->number, index, told, first);
    if (told != first)
        return; /* it was forgotten while the others of the request were stamped */
    size_t len = hub_known_id(world->hub, frame, id);
    struct text wanted = model_at(&world->model, first)->id;
    id_format(ours, hub_ids(world->hub), first);
    if (!wanted.len)
        wanted = (struct text){ours, sizeof(ours)};
    if (!text_equals((struct text){id, len}, wanted))
        fail("publisher %u is told the id \"%.*s\", expected \"%.*s\"", publisher->number, (int)len,
             id, (int)wanted.len, wanted.at);
}

void keys_twice(const struct publisher *publisher, uint64_t index)
{
    const struct model_event *event = &publisher->events[index];
    for (uint64_t i = 0; i < index; i++)
        if (publisher->events[i].channel == event->channel && event->key &&
            publisher->events[i].key == event->key)
            return;
    fail("publisher %u is told that its event %" PRIu64 " has the key of one before it",
         publisher->number, index);
}
