/* SPDX-License-Identifier: MIT */
/*
 * Told gaps: the `fanfare-gap` events for what a subscriber asked for, or had coming, and cannot
 * get any more. Gaps come before any retained frame, one event per channel that lost something;
 * only the last has an id, so that a client cut off before it is told again.
 *
 * Events to all that are lost count as lost by the first of the subscriber's channels, since they
 * are part of every channel's history (source.h).
 */
#include "engine/worker/gap.h"

#include "engine/form.h"
#include "engine/mutation.h"
#include "engine/worker/release.h"
#include "engine/worker/source.h"
#include "engine/worker/subscriber.h"

/* With several channels one of them may have evicted beyond the position where another one's
 * retained frames begin: what was told of each is kept apart. */
static uint64_t told_through(const struct membership *membership, uint64_t sequence)
{
    return membership->told_through > sequence ? membership->told_through : sequence;
}

/* Both exact, or nobody knows. */
static int64_t sum(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

/* How many of the history's events came after `sequence`, up to `through`, which is lost: those
 * that it has let go, and those that it still has. */
static int64_t lost_of(const struct history *history, uint64_t sequence, uint64_t through)
{
    if (through <= sequence)
        return 0;
    uint64_t kept = history_after(history, through) - history_after(history, sequence);
    int64_t gone = history_missed(history, sequence);
    if (gone > 0)
        gone -= history_missed(history, through); /* known where that is */
    return sum(gone, (int64_t)kept);
}

static uint64_t lost_through(const struct worker *worker, const struct channel *channel)
{
    if (MUTATION(gap_untold))
        return 0;
    return MUTATION(all_untold) ? channel->history.evicted_through
                                : source_lost_through(worker, channel);
}

/* Of a channel's own events; an event to all alone is no loss of theirs. */
static bool has_lost(const struct worker *worker, const struct membership *membership,
                     uint64_t sequence)
{
    const struct channel *channel = membership->channel;
    uint64_t told = told_through(membership, sequence), let_go = source_let_go(worker, channel);
    uint64_t lost = lost_through(worker, channel);
    return lost > told && (lost > let_go || lost_of(&channel->history, told, let_go) != 0);
}

/* Of the events to all: up to where they are lost, and how many of them are not told yet; -1:
 * nobody knows. */
static int64_t lost_to_all(const struct worker *worker, const struct subscriber *subscriber,
                           const struct membership *memberships, uint32_t count, uint64_t sequence,
                           uint64_t *ret_through)
{
    *ret_through = source_lost_to_all(worker, memberships, count);
    if ((subscriber->flags & SUBSCRIBER_MANY) && subscriber->set->told_through > sequence)
        sequence = subscriber->set->told_through;
    if (*ret_through <= sequence || MUTATION(all_untold))
        return 0;
    return lost_of(&worker->channels.all->history, sequence, *ret_through);
}

/* Of one with several channels. */
__attribute__((noinline)) static bool gap_is_due_to_many(const struct worker *worker,
                                                         const struct subscriber *subscriber,
                                                         uint64_t sequence)
{
    const struct channel_set *set = subscriber->set;
    for (uint32_t i = 0; i < set->count; i++)
        if (has_lost(worker, &set->items[i], sequence))
            return true;
    uint64_t through;
    return lost_to_all(worker, subscriber, set->items, set->count, sequence, &through) != 0;
}

bool gap_is_due(const struct worker *worker, struct subscriber *subscriber, uint64_t sequence)
{
    if (__builtin_expect(subscriber->flags & SUBSCRIBER_MANY, 0))
        return gap_is_due_to_many(worker, subscriber, sequence);
    /* One number says where its history begins. */
    return lost_through(worker, subscriber->channel) > sequence;
}

bool gap_is_any(const struct worker *worker, struct subscriber *subscriber, uint64_t sequence)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    for (uint32_t i = 0; i <= count; i++) {
        struct source source = source_of(worker, memberships, count, i, sequence);
        if (!source_is_empty(&source))
            return true;
    }
    return gap_is_due(worker, subscriber, sequence);
}

void gap_was_told(const struct worker *worker, struct subscriber *subscriber)
{
    subscriber_clear(subscriber, SUBSCRIBER_STUCK);
    if (!(subscriber->flags & SUBSCRIBER_MANY))
        return; /* the cursor says it */
    for (uint32_t i = 0; i < subscriber->set->count; i++)
        subscriber->set->items[i].told_through =
            source_begins_behind(worker, subscriber->set->items[i].channel);
    subscriber->set->told_through =
        source_lost_to_all(worker, subscriber->set->items, subscriber->set->count);
}

/* The position before the first retained frame after `sequence`, else the worker's own. */
static uint64_t position_after(const struct worker *worker, const struct membership *memberships,
                               uint32_t count, uint64_t sequence)
{
    uint64_t position = worker->position - 1;
    for (uint32_t i = 0; i <= count; i++) {
        struct source source = source_of(worker, memberships, count, i, sequence);
        if (!source_is_empty(&source) && source_first(&source)->sequence - 1 < position)
            position = source_first(&source)->sequence - 1;
    }
    return position;
}

/* What is retained is passed over, too. False: there is nothing. */
static bool add_retained(struct form_loss *loss, struct source source)
{
    if (source_is_empty(&source))
        return false;
    uint64_t last = history_at(source.history, source.end - 1)->sequence;
    loss->through = last > loss->through ? last : loss->through;
    loss->missed = sum(loss->missed, (int64_t)(source.end - source.place));
    return true;
}

static struct form_loss own_loss(const struct worker *worker, const struct membership *membership,
                                 const struct gap *gap)
{
    const struct channel *channel = membership->channel;
    uint64_t from = told_through(membership, gap->sequence);
    uint64_t through = source_begins_behind(worker, channel);
    return (struct form_loss){.channel = {channel->name, channel->name_len},
                              .through = through,
                              .missed =
                                  gap->everywhere ? -1 : lost_of(&channel->history, from, through)};
}

/* The losses, one of each channel that has any; how many. */
static unsigned list_losses(const struct worker *worker, struct subscriber *subscriber,
                            const struct gap *gap, const struct membership *memberships,
                            uint32_t count, struct form_loss *losses)
{
    unsigned listed = 0;
    struct form_loss all = {0};
    all.missed = lost_to_all(worker, subscriber, memberships, count, gap->sequence, &all.through);
    bool with_all = all.missed != 0;
    if (gap->all)
        with_all |= add_retained(&all, source_of(worker, memberships, count, count, gap->sequence));
    for (uint32_t i = 0; i < count; i++) {
        struct form_loss loss = own_loss(worker, &memberships[i], gap);
        bool any = gap->everywhere || has_lost(worker, &memberships[i], gap->sequence);
        if (gap->all)
            any |= add_retained(&loss, source_of(worker, memberships, count, i, gap->sequence));
        if (i == 0 && with_all) {
            any = true;
            loss.through = all.through > loss.through ? all.through : loss.through;
            loss.missed = sum(loss.missed, all.missed);
        }
        if (any)
            losses[listed++] = loss;
    }
    return listed;
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
        .losses = losses,
        .count = list_losses(worker, subscriber, gap, memberships, count, losses)};
    struct frame *frame =
        release_private(worker, form_notice(subscriber_form(subscriber), &notice));
    if (frame)
        COUNT(worker, gaps_told, notice.count);
    return frame;
}
