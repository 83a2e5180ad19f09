/* SPDX-License-Identifier: MIT */
/* Closed channels: see closing.h. */
#include "engine/worker/closing.h"

#include "engine/mutation.h"
#include "engine/worker/dirty.h"
#include "engine/worker/ending.h"

bool closing_take(struct worker *worker, const struct frame *frame)
{
    struct channels *channels = &worker->channels;
    struct text name = frame_channel(frame);
    struct channel *channel = channels_find(channels, frame->channel_hash, name);
    if (!channel) {
        ledger_let_go(&worker->flow->ledger, frame->channel_hash, name);
        return true;
    }
    struct ending *ending = channel->ending;
    if (ending) { /* the ledger knows already that it has not any more */
        if (channels->look_ended == ending)
            channels->look_ended = ending->later;
        endings_remove(&channels->ended, ending);
        COUNT(worker, channels_ended, -1);
        ending->sequence = frame->sequence;
    } else {
        ending = ending_new(channel, frame);
        if (!ending)
            return false;
        channel->ending = ending;
        ending->to_all = worker->all.newest;
        channels->memory += heap_bytes(sizeof(*ending));
    }
    endings_add(&channels->closed, ending);
    channels_detach(channels, channel);
    COUNT(worker, channels, -1);
    channel->watched = history_count(&channel->history);
    dirty_add(worker, channel); /* its sweep wakes members, and lets go of what nobody lacks */
    return true;
}
