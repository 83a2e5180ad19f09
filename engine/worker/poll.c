/* SPDX-License-Identifier: MIT */
/* Begins and ends what long polls wait for: see poll.h. */
#include "engine/worker/poll.h"

#include "engine/mutation.h"
#include "engine/worker/ruling.h"
#include "engine/worker/source.h"

/* Events that its worker has for it. */
static uint64_t count_retained(const struct worker *worker, struct subscriber *subscriber)
{
    struct membership single;
    uint32_t count;
    struct membership *members = subscriber_memberships(subscriber, &single, &count);
    uint64_t events = 0;
    for (uint32_t i = 0; i <= count && !MUTATION(poll_forgets); i++) {
        struct source source = source_of(worker, members, count, i, subscriber->cursor);
        events += source_is_empty(&source) ? 0 : source.end - source.place;
    }
    return events;
}

void poll_begin(struct worker *worker, struct subscriber *subscriber, const struct handoff *handoff,
                bool has_notice)
{
    uint32_t most = handoff->limit ? handoff->limit : UINT32_MAX;
    uint64_t retained = count_retained(worker, subscriber);
    subscriber->flags |= SUBSCRIBER_POLLS;
    if (retained > 0 || has_notice || handoff->wait_ms == 0) {
        subscriber->flags |= SUBSCRIBER_LIMITED;
        subscriber->events_left = retained < most ? (uint32_t)retained : most;
        return;
    }
    uint32_t wait_ms = handoff->wait_ms, idle_ms = ruling_times(worker, subscriber).idle_timeout_ms;
    subscriber_clear(subscriber, SUBSCRIBER_LIMITED);
    subscriber->events_left = most;
    subscriber->event_ms = worker_ms(worker) + (idle_ms && idle_ms < wait_ms ? idle_ms : wait_ms);
}

uint32_t poll_visit(struct worker *worker, struct subscriber *subscriber)
{
    int32_t left_ms = (int32_t)(subscriber->event_ms - worker_ms(worker));
    if (left_ms > 0)
        return (uint32_t)left_ms;
    if (subscriber->state != SUBSCRIBER_CURRENT)
        return 0;
    subscriber->flags |= SUBSCRIBER_LIMITED;
    subscriber->events_left = 0;
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
    subscriber_queue(worker, subscriber);
    return UINT32_MAX;
}
