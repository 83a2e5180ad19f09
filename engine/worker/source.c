/* SPDX-License-Identifier: MIT */
/* See source.h. */
#include "engine/worker/source.h"

#include "engine/mutation.h"
#include "engine/worker/subscriber.h"

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Of the events to all: behind which they begin for a subscriber to these channels, and up to which
 * they are for it. */
struct span {
    uint64_t begin, end;
};

static struct span span_of_all(const struct membership *memberships, uint32_t count)
{
    struct span span = {UINT64_MAX, 0};
    for (uint32_t i = 0; i < count; i++) {
        const struct channel *channel = memberships[i].channel;
        uint64_t lost = source_own_lost(channel);
        span.begin = lost < span.begin ? lost : span.begin;
        span.end = later(span.end, channel->ending ? channel->ending->to_all : UINT64_MAX);
    }
    return span;
}

uint64_t source_lost_to_all(const struct worker *worker, const struct membership *memberships,
                            uint32_t count)
{
    if (worker->all.newest == 0)
        return 0;
    struct span span = span_of_all(memberships, count);
    uint64_t let_go = worker->all.evicted_through;
    return later(span.begin, let_go < span.end ? let_go : span.end);
}

static struct source source_of_all(const struct worker *worker,
                                   const struct membership *memberships, uint32_t count,
                                   uint64_t after)
{
    bool known = !MUTATION(all_for_known) || memberships[0].channel->history.end > 0;
    if (worker->all.newest <= after || !known)
        return (struct source){0};
    const struct history *history = &worker->channels.all->history;
    struct span span = span_of_all(memberships, count);
    return (struct source){.history = history,
                           .place = history_after(history, later(span.begin, after)),
                           .end = history_after(history, span.end)};
}

struct source source_of(const struct worker *worker, const struct membership *memberships,
                        uint32_t count, uint32_t index, uint64_t after)
{
    if (index == count)
        return source_of_all(worker, memberships, count, after);
    const struct channel *channel = memberships[index].channel;
    const struct history *history = &channel->history;
    uint64_t let_go = source_let_go(worker, channel);
    return (struct source){.history = history,
                           .place = history_after(history, later(after, let_go)),
                           .end = history->end};
}
