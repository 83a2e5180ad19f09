/* SPDX-License-Identifier: MIT */
/* Frames into histories, and the records of channels: see intake.h. */
#include "engine/worker/intake.h"

#include "engine/worker/dirty.h"
#include "engine/worker/evict.h"
#include "engine/worker/release.h"
#include "engine/worker/subscriber.h"

/* CHANNELS_MAX is reached, or memory ran out: the channel published to longest ago that nobody
 * listens to and nothing is under way on gives up its history. */
static bool drop_some_channel(struct worker *worker)
{
    struct channel *channel = worker->channels.oldest;
    for (int looks = 0; channel && looks < 1000; looks++, channel = channel->newer) {
        if (channel->member_count || channel->dirty || channel->finishing)
            continue;
        while (history_count(&channel->history))
            evict_oldest(worker, channel);
        evict_record(worker, channel);
        return true;
    }
    return false;
}

struct channel *intake_channel(struct worker *worker, uint64_t hash, struct text name)
{
    struct channel *channel = channels_find(&worker->channels, hash, name);
    if (channel)
        return channel;
    if (worker->channels.count >= CHANNELS_MAX && !drop_some_channel(worker))
        return NULL;
    channel = channels_make(&worker->channels, hash, name);
    if (!channel)
        return NULL;
    channel->visited = channel->swept = worker->position - 1;
    COUNT(worker, channels, 1);
    return channel;
}

/* The frame cannot be kept: everything up to it counts as evicted, and whoever lacks it is told. */
static void lose_frame(struct worker *worker, struct channel *channel, struct frame *frame)
{
    release_flow(worker, frame);
    if (!channel) {
        channels_note_lost(&worker->channels, frame->channel_hash, frame->sequence);
    } else {
        if (worker->sweep.run.channel == channel)
            worker->sweep.run.channel = NULL;
        while (history_count(&channel->history))
            evict_oldest(worker, channel);
        channels_untouch(&worker->channels, channel);
        dirty_add(worker, channel); /* or nobody would ever drop the record */
        channel->history.evicted_through = frame->sequence;
        channel->history.remembered_after = frame->sequence;
        for (uint32_t i = 0; i < channel->member_count; i++) {
            struct subscriber *subscriber = &worker->subscribers[channel->members[i]];
            if (subscriber->state != SUBSCRIBER_CURRENT)
                continue;
            subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
            subscriber_queue(worker, subscriber);
        }
    }
    COUNT(worker, evicted, 1);
    release_frame(worker, frame);
}

/* Keeps a frame that was taken from the inbox. */
static void intake_frame(struct worker *worker, struct frame *frame)
{
    DCHECK(frame->sequence == worker->position);
    struct channel *channel = intake_channel(worker, frame->channel_hash, frame_channel(frame));
    worker->position = frame->sequence + 1;
    if (!channel || history_add(&channel->history, &worker->options->key, frame) < 0) {
        lose_frame(worker, channel, frame);
        return;
    }
    COUNT(worker, history_events, 1);
    COUNT(worker, history_bytes, frame->len);
    worker->memory.kept_bytes += frame_memory(frame);
    channels_touch(&worker->channels, channel);
    dirty_add(worker, channel);
}

bool intake_events(struct worker *worker)
{
    struct frame *frames[256];
    unsigned taken = 0;
    while (taken < TAKE_BATCH) {
        unsigned count = inbox_take(&worker->inbox, frames, 256);
        for (unsigned i = 0; i < count; i++) {
            /* Each frame's first line was written by another core. */
            if (i + 8 < count)
                __builtin_prefetch(frames[i + 8]);
            intake_frame(worker, frames[i]);
        }
        taken += count;
        if (count < 256)
            break;
    }
    worker->release.any |= taken > 0; /* slots are free again */
    return taken > 0;
}
