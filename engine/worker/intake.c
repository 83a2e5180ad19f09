/* SPDX-License-Identifier: MIT */
/* Frames into histories, and the records of channels: see intake.h. */
#include "engine/worker/intake.h"

#include "engine/mutation.h"
#include "engine/worker/all.h"
#include "engine/worker/closing.h"
#include "engine/worker/dirty.h"
#include "engine/worker/ending.h"
#include "engine/worker/evict.h"
#include "engine/worker/kick.h"
#include "engine/worker/release.h"
#include "engine/worker/state.h"

/* How long a worker without memory for an event leaves it before it tries again. */
#define STALL_NS 1000000

/* CHANNELS_MAX is reached: the channel published to longest ago that nobody listens to and nothing
 * is under way on gives up its history. It goes on where it stopped looking, so that those which
 * are listened to are not looked at again and again. */
static bool drop_some_channel(struct worker *worker)
{
    struct channels *channels = &worker->channels;
    for (int looks = 0; looks < 1000; looks++) {
        struct channel *channel = channels_walk(channels, WALK_DROP);
        if (!channel)
            channel = channels->oldest;
        if (!channel)
            break;
        channels_pass(channels, WALK_DROP, channel);
        if (channel->member_count || channel->dirty || channel->finishing)
            continue;
        if (channel->ending && !channel->closed)
            evict_ending(worker, channel);
        while (history_count(&channel->history))
            evict_oldest(worker, channel);
        evict_record(worker, channel);
        return true;
    }
    return evict_an_ending(worker);
}

struct channel *intake_channel(struct worker *worker, uint64_t hash, struct text name)
{
    struct channel *channel = channels_find(&worker->channels, hash, name);
    if (channel)
        return channel;
    if (worker->channels.count >= worker->channels.most && !drop_some_channel(worker))
        return NULL;
    channel = channels_make(&worker->channels, hash, name);
    if (!channel)
        return NULL;
    channel->visited = channel->swept = worker->position - 1;
    COUNT(worker, channels, 1);
    return channel;
}

/* The last one of its channel. */
static bool intake_end(struct worker *worker, struct channel *channel, struct frame *frame)
{
    struct ending *ending = ending_new(channel, frame);
    if (!ending || history_add(&channel->history, &worker->options->key, frame) < 0) {
        free(ending);
        return false;
    }
    ending_take(worker, ending);
    return true;
}

/* No event: its place in the order is what counts. */
static bool intake_command(struct worker *worker, struct frame *frame)
{
    if (frame->flags & FRAME_CLOSES ? !closing_take(worker, frame) : !kick_take(worker, frame))
        return false;
    worker->position = frame->sequence + 1;
    release_frame(worker, frame);
    return true;
}

/* It is in the channel's history. */
static inline void intake_count(struct worker *worker, struct channel *channel,
                                const struct frame *frame)
{
    worker->position = frame->sequence + 1;
    COUNT(worker, history_events, 1);
    COUNT(worker, history_bytes, frame->len);
    worker->memory.kept_bytes += frame_memory(frame);
    channels_touch(&worker->channels, channel);
    dirty_add(worker, channel);
}

/* One to all. */
static bool intake_to_all(struct worker *worker, struct frame *frame)
{
    struct channel *channel = channels_make_all(&worker->channels);
    if (!channel || history_add(&channel->history, &worker->options->key, frame) < 0)
        return false;
    intake_count(worker, channel, frame);
    all_begin(worker, frame->sequence);
    return true;
}

/* What nearly no frame is: one to all, a command, or the last one of its channel. */
__attribute__((noinline)) static bool intake_special(struct worker *worker, struct frame *frame)
{
    if (frame->flags & FRAME_ALL)
        return intake_to_all(worker, frame);
    if (frame->flags & FRAME_COMMANDS)
        return intake_command(worker, frame);
    struct channel *channel = intake_channel(worker, frame->channel_hash, frame_channel(frame));
    if (!channel)
        return false;
    if (!intake_end(worker, channel, frame)) {
        dirty_add(worker, channel); /* as below */
        return false;
    }
    intake_count(worker, channel, frame);
    return true;
}

/* Keeps a frame that was taken from the inbox. False: there is no memory for it now. */
static bool intake_frame(struct worker *worker, struct frame *frame)
{
    DCHECK(frame->sequence == worker->position);
    if (__builtin_expect(frame->flags & (FRAME_COMMANDS | FRAME_ALL | FRAME_ENDS), 0))
        return intake_special(worker, frame);
    struct channel *channel = intake_channel(worker, frame->channel_hash, frame_channel(frame));
    if (!channel)
        return false;
    if (history_add(&channel->history, &worker->options->key, frame) < 0) {
        dirty_add(worker, channel); /* or nobody would drop the record, should it be a new one */
        return false;
    }
    intake_count(worker, channel, frame);
    return true;
}

/* Keeps what was taken, in order; false if one of it has to wait. */
static bool intake_taken(struct worker *worker)
{
    struct intake *intake = &worker->intake;
    for (unsigned count = intake->count; intake->first < count; intake->first++) {
        /* Each frame's first line was written by another core. */
        if (intake->first + 8 < count)
            __builtin_prefetch(intake->frames[intake->first + 8]);
        if (intake_frame(worker, intake->frames[intake->first]))
            continue;
        if (!MUTATION(event_unkept))
            return false;
        worker->position++;
    }
    return true;
}

bool intake_events(struct worker *worker)
{
    struct intake *intake = &worker->intake;
    unsigned taken = 0;
    bool kept = true;
    while (taken < TAKE_BATCH && kept) {
        if (intake->first == intake->count) {
            intake->first = 0;
            intake->count = inbox_take(&worker->inbox, intake->frames, INTAKE_FRAMES);
        }
        unsigned before = intake->first;
        kept = intake_taken(worker);
        taken += intake->first - before;
        if (intake->count < INTAKE_FRAMES)
            break;
    }
    if (taken > 0)
        intake->stalled = 0;
    if (!kept && !worker->kick.under_way) {
        intake->stalled++;
        intake->due_ns = worker->now_ns + STALL_NS;
        COUNT(worker, intake_stalled, 1);
    }
    worker->release.any |= taken > 0; /* slots are free again */
    return taken > 0;
}

void intake_deinit(struct worker *worker)
{
    for (; worker->intake.first < worker->intake.count; worker->intake.first++)
        frame_unref(worker->intake.frames[worker->intake.first]);
}
