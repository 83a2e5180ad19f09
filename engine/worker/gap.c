/* SPDX-License-Identifier: MIT */
/*
 * Told gaps: the `fanfare-gap` events for what a subscriber asked for, or had coming, and cannot
 * get any more. Gaps come before any retained frame, one event per channel that lost something;
 * only the last has an id, so that a client cut off before it is told again.
 */
#include "engine/worker/gap.h"

#include "engine/form.h"
#include "engine/mutation.h"
#include "engine/worker/release.h"
#include "engine/worker/subscriber.h"

/* With several channels one of them may have evicted beyond the position where another one's
 * retained frames begin: what was told of each is kept apart. */
static uint64_t told_through(const struct membership *membership, uint64_t sequence)
{
    return membership->told_through > sequence ? membership->told_through : sequence;
}

/* Where all of an ended channel is gone, its end is nothing that anybody could want. */
static uint64_t lost_through(const struct channel *channel)
{
    uint64_t through = channel->history.evicted_through;
    return channel->ending && through > channel->ending->before ? channel->ending->before : through;
}

static bool has_lost(const struct membership *membership, uint64_t sequence)
{
    return lost_through(membership->channel) > told_through(membership, sequence) &&
           !MUTATION(gap_untold);
}

bool gap_is_due(struct subscriber *subscriber, uint64_t sequence)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    for (uint32_t i = 0; i < count; i++)
        if (has_lost(&memberships[i], sequence))
            return true;
    return false;
}

/* Events of it that are retained behind the position. */
static uint64_t retained_after(const struct channel *channel, uint64_t sequence)
{
    return channel->history.end - history_after(&channel->history, sequence);
}

bool gap_is_any(struct subscriber *subscriber, uint64_t sequence)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    for (uint32_t i = 0; i < count; i++)
        if (has_lost(&memberships[i], sequence) || retained_after(memberships[i].channel, sequence))
            return true;
    return false;
}

void gap_was_told(struct subscriber *subscriber)
{
    subscriber_clear(subscriber, SUBSCRIBER_STUCK);
    if (!(subscriber->flags & SUBSCRIBER_MANY))
        return; /* the cursor says it */
    for (uint32_t i = 0; i < subscriber->set->count; i++)
        subscriber->set->items[i].told_through =
            subscriber->set->items[i].channel->history.evicted_through;
}

/* The position before the first retained frame after `sequence`, else the worker's own. */
static uint64_t position_after(const struct worker *worker, const struct membership *memberships,
                               uint32_t count, uint64_t sequence)
{
    uint64_t position = worker->position - 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct history *history = &memberships[i].channel->history;
        uint64_t place = history_after(history, sequence);
        if (place < history->end && history_at(history, place)->sequence - 1 < position)
            position = history_at(history, place)->sequence - 1;
    }
    return position;
}

static struct form_loss loss_of(const struct membership *membership, const struct gap *gap)
{
    const struct channel *channel = membership->channel;
    const struct history *history = &channel->history;
    struct form_loss loss = {.channel = {channel->name, channel->name_len},
                             .through = history->evicted_through,
                             .missed = -1};
    if (!gap->everywhere)
        loss.missed = history_missed(history, told_through(membership, gap->sequence));
    uint64_t retained = gap->all ? retained_after(channel, gap->sequence) : 0;
    if (retained)
        loss.through = history_at(history, history->end - 1)->sequence;
    if (loss.missed >= 0)
        loss.missed += (int64_t)retained;
    return loss;
}

struct frame *gap_frame(struct worker *worker, struct subscriber *subscriber, const struct gap *gap)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    struct form_loss losses[SUBSCRIBER_CHANNELS_MAX];
    struct form_gap notice = {
        .reason = gap->reason,
        .from = gap->from,
        .ids = worker->options->ids,
        .position = gap->all ? worker->position - 1
                             : position_after(worker, memberships, count, gap->sequence),
        .losses = losses};
    for (uint32_t i = 0; i < count; i++) {
        const struct membership *membership = &memberships[i];
        const struct channel *channel = membership->channel;
        if (gap->everywhere || has_lost(membership, gap->sequence) ||
            (gap->all && retained_after(channel, gap->sequence)))
            losses[notice.count++] = loss_of(membership, gap);
    }
    struct frame *frame =
        release_private(worker, form_notice(subscriber_form(subscriber), &notice));
    if (frame)
        COUNT(worker, gaps_told, notice.count);
    return frame;
}
