/* SPDX-License-Identifier: MIT */
/* Heartbeats and timeouts: see visit.h. */
#include "engine/worker/visit.h"

#include "engine/worker/batch.h"
#include "engine/worker/subscriber.h"

/* How often each record is looked at: twice in the shortest of the times it is looked at for, so
 * that no stream is silent for longer than the heartbeat interval. */
static uint32_t visit_interval_ms(const struct worker *worker)
{
    const struct hub_options *limits = &worker->limits;
    uint32_t shortest = UINT32_MAX;
    if (limits->heartbeat_s)
        shortest = limits->heartbeat_s * 1000;
    if (limits->idle_timeout_ms && limits->idle_timeout_ms < shortest)
        shortest = limits->idle_timeout_ms;
    if (limits->lifetime_ms && limits->lifetime_ms / 5 < shortest)
        shortest = limits->lifetime_ms / 5;
    return shortest == UINT32_MAX ? 0 : shortest / 2 + 1;
}

void visits_plan(struct worker *worker)
{
    uint32_t interval_ms = visit_interval_ms(worker);
    uint64_t passed_ms = (uint64_t)(worker->now_ns - worker->visits.planned_ns) / 1000000;
    worker->visits.planned_ns = worker->now_ns;
    if (interval_ms == 0 || worker->drain.under_way)
        return;
    worker->visits.left += worker->records.used * passed_ms / interval_ms + 1;
    if (worker->visits.left > worker->records.used)
        worker->visits.left = worker->records.used;
}

/* Ends the response in order: what it lacks, a `retry:` of its own, the last chunk. */
static void end_in_order(struct worker *worker, struct subscriber *subscriber,
                         enum subscriber_flag reason)
{
    subscriber->flags |= (uint16_t)reason;
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
    subscriber_queue(worker, subscriber);
}

/* Everybody's lifetime is its own, so that those who came together do not all come back together.
 */
static uint32_t lifetime_of(const struct worker *worker, uint32_t index)
{
    uint32_t lifetime_ms = worker->limits.lifetime_ms;
    return lifetime_ms - (uint32_t)((uint64_t)lifetime_ms / 5 * (index * 2654435761u) >> 32);
}

static void send_heartbeat(struct worker *worker, struct subscriber *subscriber)
{
    struct run_part *part = &worker->heartbeats[subscriber->flags & SUBSCRIBER_PLAIN ? 1 : 0];
    struct batch_send *send = batch_queue(worker, subscriber, part->frame->bytes, part->frame->len);
    send->parts = part;
    send->count = 1;
    COUNT(worker, heartbeats, 1);
}

/* True if it was sent something. Only who has everything is looked at: the others are written to.
 */
static bool visit(struct worker *worker, struct subscriber *subscriber)
{
    const struct hub_options *limits = &worker->limits;
    if (subscriber->state != SUBSCRIBER_CURRENT)
        return false;
    uint32_t now_ms = worker_ms(worker);
    uint32_t index = subscriber_index(worker, subscriber);
    if (limits->lifetime_ms && now_ms - subscriber->joined_ms >= lifetime_of(worker, index)) {
        end_in_order(worker, subscriber, SUBSCRIBER_AGED);
        return false;
    }
    if (limits->idle_timeout_ms && now_ms - subscriber->event_ms >= limits->idle_timeout_ms) {
        end_in_order(worker, subscriber, SUBSCRIBER_IDLE);
        return false;
    }
    if (!limits->heartbeat_s || now_ms - subscriber->written_ms < limits->heartbeat_s * 500)
        return false;
    send_heartbeat(worker, subscriber);
    return true;
}

bool visits_make(struct worker *worker)
{
    uint32_t sent = 0;
    for (; worker->visits.left > 0 && sent < HEARTBEAT_BATCH; worker->visits.left--) {
        if (worker->batch.count == SEND_BATCH)
            batch_submit(worker);
        if (worker->visits.next >= worker->records.used)
            worker->visits.next = 0;
        sent += visit(worker, &worker->subscribers[worker->visits.next++]);
    }
    return worker->visits.left > 0;
}
