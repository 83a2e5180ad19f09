/* SPDX-License-Identifier: MIT */
/* See all.h. */
#include "engine/worker/all.h"

#include "engine/mutation.h"
#include "engine/worker/dirty.h"

/* --- rounds --------------------------------------------------------------------------------- */

void all_begin(struct worker *worker, uint64_t sequence)
{
    worker->all.newest = worker->all.pending = sequence;
    worker->all.due = true;
}

/* Has one that has everything but the events of this round get them. Returns what that took, in
 * looks. */
static uint32_t look_at(struct worker *worker, struct subscriber *subscriber)
{
    if (subscriber->state != SUBSCRIBER_CURRENT || subscriber->cursor >= worker->all.through)
        return 1;
    if (subscriber->flags & SUBSCRIBER_SPECIAL) {
        subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
        subscriber_queue(worker, subscriber);
        return 1 + (subscriber->flags & SUBSCRIBER_MANY ? subscriber->set->count : 0);
    }
    struct channel *channel = subscriber->channel;
    if (!channel->owes) {
        channel->owes = true;
        worker->all.owing++;
        dirty_add(worker, channel);
    }
    return 1;
}

bool all_look(struct worker *worker)
{
    struct all *all = &worker->all;
    if (!all->pending)
        return false;
    if (!all->through) {
        all->through = all->newest;
        all->next = 0;
    }
    uint32_t looks = 0;
    while (all->next < worker->records.used && looks < ALL_LOOKS)
        looks += look_at(worker, &worker->subscribers[all->next++]);
    return looks > 0;
}

void all_owed_swept(struct worker *worker, struct channel *channel)
{
    uint64_t through = worker->all.through;
    if (channel->ending) /* its members are woken by a sweep, too */
        through = channel->ending->sequence;
    if (channel->swept < through)
        return;
    channel->owes = false;
    worker->all.owing--;
}

bool all_settle(struct worker *worker)
{
    struct all *all = &worker->all;
    bool looked = all->through && all->next >= worker->records.used;
    if (looked && (all->owing == 0 || MUTATION(all_unswept))) {
        all->swept = worker->channels.all->swept = all->through;
        all->through = 0;
        if (all->swept == all->newest)
            all->pending = 0;
        all->due = true;
    }
    bool due = all->due;
    all->due = false;
    return due;
}

/* --- those who lack something ---------------------------------------------------------------- */

/* Whoever is BEHIND waits in the catch-up ring, and whoever is BLOCKED is in the lag list. */
void all_lacking(struct worker *worker,
                 bool (*look)(struct worker *worker, struct subscriber *subscriber, void *context),
                 void *context)
{
    for (uint32_t i = 0; i < worker->catch_up.count; i++) {
        uint32_t at = (worker->catch_up.first + i) % worker->options->sockets;
        struct subscriber *subscriber = &worker->subscribers[worker->catch_up.ring[at]];
        if (subscriber->state == SUBSCRIBER_BEHIND && !look(worker, subscriber, context))
            return;
    }
    for (uint32_t i = 0; i < worker->lag.listed; i++) {
        struct subscriber *subscriber = &worker->subscribers[worker->lag.list[i]];
        if (subscriber->state == SUBSCRIBER_BLOCKED && !look(worker, subscriber, context))
            return;
    }
}

/* --- sweeps --------------------------------------------------------------------------------- */

struct all_reading all_read(const struct worker *worker, const struct channel *channel)
{
    const struct history *own = &channel->history, *all = &worker->channels.all->history;
    /* Of what everybody is swept for nobody who is CURRENT lacks anything. */
    uint64_t swept = worker->all.swept > channel->visited ? worker->all.swept : channel->visited;
    return (struct all_reading){.own = own,
                                .all = all,
                                .own_place = history_after(own, channel->visited),
                                .all_place = history_after(all, swept)};
}

struct frame *all_next(struct all_reading *reading)
{
    struct frame *own = reading->own_place < reading->own->end
                            ? history_at(reading->own, reading->own_place)
                            : NULL;
    struct frame *all = reading->all_place < reading->all->end
                            ? history_at(reading->all, reading->all_place)
                            : NULL;
    if (own && (!all || own->sequence < all->sequence)) {
        reading->own_place++;
        return own;
    }
    reading->all_place++;
    return all;
}
