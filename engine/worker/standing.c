/* SPDX-License-Identifier: MIT */
/* See standing.h. */
#include "engine/worker/standing.h"

#include "engine/worker/identity.h"
#include "engine/worker/source.h"

/* Of one of its channels. */
static void add_behind(const struct subscriber *subscriber, const struct membership *membership,
                       struct standing *standing)
{
    const struct history *history = &membership->channel->history;
    uint64_t told = membership->told_through > subscriber->cursor ? membership->told_through
                                                                  : subscriber->cursor;
    int64_t missed = history_missed(history, told);
    standing->behind += history->end - history_after(history, subscriber->cursor);
    if (missed < 0)
        standing->behind_is_least = true;
    else
        standing->behind += (uint64_t)missed;
}

/* Of the events to all. */
static void add_behind_all(const struct worker *worker, const struct subscriber *subscriber,
                           const struct membership *memberships, uint32_t count,
                           struct standing *standing)
{
    if (!worker->channels.all)
        return;
    const struct history *history = &worker->channels.all->history;
    uint64_t told = subscriber->cursor, lost = source_lost_to_all(worker, memberships, count);
    if ((subscriber->flags & SUBSCRIBER_MANY) && subscriber->set->told_through > told)
        told = subscriber->set->told_through;
    struct source source = source_of(worker, memberships, count, count, subscriber->cursor);
    standing->behind += source_is_empty(&source) ? 0 : source.end - source.place;
    int64_t missed = lost > told ? history_missed(history, told) : 0;
    if (missed < 0)
        standing->behind_is_least = true;
    else
        standing->behind += (uint64_t)missed;
}

void standing_of(const struct worker *worker, struct subscriber *subscriber,
                 struct standing *ret_standing)
{
    uint32_t count, now_ms = worker_ms(worker);
    struct membership single;
    const struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    *ret_standing = (struct standing){.is_blocked = subscriber->state == SUBSCRIBER_BLOCKED,
                                      .is_slow = subscriber->flags & SUBSCRIBER_SLOW};
    for (uint32_t i = 0; i < count; i++)
        add_behind(subscriber, &memberships[i], ret_standing);
    add_behind_all(worker, subscriber, memberships, count, ret_standing);
    if (!(subscriber->flags & SUBSCRIBER_LAGGING))
        return;
    const struct identity *identity = identity_of(worker, subscriber_index(worker, subscriber));
    uint32_t since_ms = identity ? identity->lagging_ms : subscriber->window_ms;
    ret_standing->lagging_ms = now_ms != since_ms ? now_ms - since_ms : 1; /* clocks wrap */
    ret_standing->window_ms = now_ms - subscriber->window_ms;
    ret_standing->window_bytes = subscriber->window_bytes;
}
