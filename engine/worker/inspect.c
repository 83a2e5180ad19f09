/* SPDX-License-Identifier: MIT */
/* Controls' parts in slices: see inspect.h. */
#include "engine/worker/inspect.h"

#include <errno.h>

#include "engine/mutation.h"

/* What a slice may still do. */
struct slice {
    uint32_t looks;
    int64_t due_ns;
};

static bool slice_is_spent(struct worker *worker, struct slice *slice)
{
    if (slice->looks == 0)
        return true;
    slice->looks--;
    return slice->looks % 64 == 0 && worker->io->operations->now_ns(worker->io) > slice->due_ns;
}

/* --- channels -------------------------------------------------------------------------------- */

/* A record that only waits to be dropped is no channel any more, nor is one that was closed. */
static bool is_there(const struct channel *channel)
{
    return !channel->closed &&
           (channel->member_count || history_count(&channel->history) || channel->ending);
}

static void describe(const struct channel *channel, struct control_channel *entry)
{
    entry->subscribers = channel->member_count;
    entry->events = history_count(&channel->history);
    entry->bytes = channel->history.bytes;
    entry->last = history_latest(&channel->history);
    entry->ended = channel->ending;
}

static void look_at_channel(struct control_part *part, const struct channel *channel)
{
    struct text name = {channel->name, channel->name_len};
    if (!control_wants(part, name) || control_hides(name) || !is_there(channel))
        return;
    struct control_channel *entry = control_add_channel(part, name);
    if (entry)
        describe(channel, entry);
}

/* What is some records ahead comes into the cache meanwhile: they lie anywhere. */
#define AHEAD 8u

static bool list_channels(struct worker *worker, struct control_part *part, struct slice *slice)
{
    struct channels *channels = &worker->channels;
    if (!part->begun) {
        part->begun = true;
        part->walk = channels->count;
        channels->walk++;
    }
    for (;;) {
        if (part->walk > channels->count)
            part->walk = channels->count;
        if (part->walk == 0)
            return true;
        if (slice_is_spent(worker, slice))
            return false;
        struct channel *channel = channels->list[--part->walk];
        if (part->walk >= AHEAD)
            __builtin_prefetch(channels->list[part->walk - AHEAD]->name);
        if (channel->walked == channels->walk && !MUTATION(walked_again))
            continue;
        channel->walked = channels->walk;
        look_at_channel(part, channel);
        if (MUTATION(record_missed) && part->walk > 1)
            part->walk--;
    }
}

static bool find_channel(struct worker *worker, struct control_part *part)
{
    const struct control *control = part->control;
    const struct channel *channel =
        channels_find(&worker->channels, control->hash, control->request.channel);
    if (channel)
        look_at_channel(part, channel);
    return true;
}

/* --- parts ----------------------------------------------------------------------------------- */

/* True if the part is answered. */
static bool answer_some(struct worker *worker, struct control_part *part, struct slice *slice)
{
    switch (part->control->request.kind) {
    case CONTROL_CHANNELS:
        return list_channels(worker, part, slice);
    case CONTROL_CHANNEL:
        return find_channel(worker, part);
    }
    return true;
}

static struct control_part *take_first(struct worker *worker)
{
    struct control_part *part = worker->inspect.first;
    worker->inspect.first = part->next;
    return part;
}

void inspect_take(struct worker *worker, struct control_part *part)
{
    if (worker->drain.final) {
        control_finish(part, -ESHUTDOWN);
        return;
    }
    part->next = NULL;
    if (worker->inspect.first)
        worker->inspect.last->next = part;
    else
        worker->inspect.first = part;
    worker->inspect.last = part;
}

bool inspect_slice(struct worker *worker)
{
    DCHECK(worker->batch.count == 0);
    struct slice slice = {INSPECT_LOOKS, worker->io->operations->now_ns(worker->io) + SLICE_NS};
    while (worker->inspect.first && answer_some(worker, worker->inspect.first, &slice)) {
        control_finish(take_first(worker), 0);
        if (slice_is_spent(worker, &slice))
            break;
    }
    return worker->inspect.first;
}

void inspect_end(struct worker *worker)
{
    while (worker->inspect.first)
        control_finish(take_first(worker), -ESHUTDOWN);
}
