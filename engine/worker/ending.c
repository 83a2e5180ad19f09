/* SPDX-License-Identifier: MIT */
/* Ended channels: see ending.h. */
#include "engine/worker/ending.h"

#include "engine/mutation.h"
#include "engine/worker/evict.h"
#include "engine/worker/subscriber.h"

/* Ended channels looked at in one go. */
#define LOOKS_MAX 1000

/* An end without data dispatches nothing, and has no id: who has what came before lacks nothing. */
static uint64_t known_before(const struct channel *channel, const struct frame *frame)
{
    const struct history *history = &channel->history;
    if (!(frame->flags & FRAME_WITHOUT_DATA))
        return frame->sequence;
    return history_count(history) ? history_at(history, history->end - 1)->sequence
                                  : history->evicted_through;
}

struct ending *ending_new(struct channel *channel, const struct frame *frame)
{
    CHECK(!channel->ending);
    struct ending *ending = malloc(sizeof(*ending));
    if (ending)
        *ending = (struct ending){.channel = channel,
                                  .sequence = frame->sequence,
                                  .before = known_before(channel, frame),
                                  .born_ns = frame->born_ns};
    return ending;
}

void ending_take(struct worker *worker, struct ending *ending)
{
    struct channels *channels = &worker->channels;
    struct channel *channel = ending->channel;
    channel->ending = ending;
    ending->to_all = worker->all.newest;
    channels->memory += heap_bytes(sizeof(*ending));
    endings_add(&channels->ended, ending);
    COUNT(worker, channels_ended, 1);
}

/* Whether somebody who reads still lacks the end, or its own end. Slow ones that wait for theirs
 * are closed, and gone at the turn's end. */
static bool is_awaited(struct worker *worker, struct channel *channel)
{
    bool awaited = false;
    for (uint32_t i = channel->member_count; i-- > 0;) {
        struct subscriber *subscriber = &worker->subscribers[channel->members[i]];
        if (subscriber->state == SUBSCRIBER_CLOSING) {
            awaited = true;
        } else if (subscriber_lacks(subscriber) && subscriber->ending != CLOSE_EXPIRED &&
                   (subscriber->cursor < channel->ending->sequence ||
                    subscriber_is_ending(worker, subscriber))) {
            awaited = true;
            if (subscriber->flags & SUBSCRIBER_SLOW)
                subscriber_close(worker, subscriber, CLOSE_SLOW);
        }
    }
    return awaited;
}

void ending_expire(struct worker *worker)
{
    int64_t keep_ns = (int64_t)worker->limits.end_keep_s * 1000000000;
    struct ending *ending = worker->channels.ended.first;
    for (int looks = 0; ending && looks < LOOKS_MAX; looks++) {
        struct ending *later = ending->later;
        struct channel *channel = ending->channel;
        if (worker->now_ns - ending->born_ns <= keep_ns)
            return; /* all others ended later */
        bool swept = !channel->dirty && !channel->finishing && channel->swept >= ending->sequence;
        if (swept && (!is_awaited(worker, channel) || MUTATION(end_unawaited))) {
            evict_ending(worker, channel);
            evict_trim(worker, channel); /* drops the record if nobody is left */
        }
        ending = later;
    }
}
