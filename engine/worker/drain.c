/* SPDX-License-Identifier: MIT */
/* See drain.h. */
#include "engine/worker/drain.h"

#include "engine/mutation.h"
#include "engine/worker/join.h"
#include "engine/worker/subscriber.h"

void drain_begin(struct worker *worker, uint64_t final, uint32_t most_ms)
{
    uint32_t ms = worker->limits.drain_timeout_ms;
    worker->drain.final = final;
    worker->drain.due_ns = worker->now_ns + (int64_t)(ms < most_ms ? ms : most_ms) * 1000000;
}

void drain_step(struct worker *worker)
{
    if (!worker->drain.final || worker->stopped)
        return;
    if (worker->now_ns >= worker->drain.due_ns) {
        join_refuse_waiting(worker);
        subscriber_close_all(worker, CLOSE_CUT);
        worker->stopped = true;
        return;
    }
    if (!worker->drain.under_way) {
        if ((worker->position < worker->drain.final && !MUTATION(drain_too_early)) ||
            worker->arrivals.first)
            return;
        worker->drain.under_way = true;
        for (uint32_t i = 0; i < worker->records.used; i++) {
            struct subscriber *subscriber = &worker->subscribers[i];
            if (subscriber->state != SUBSCRIBER_CURRENT)
                continue;
            subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
            subscriber_queue(worker, subscriber);
        }
    }
    if (worker->records.live == 0)
        worker->stopped = true;
}
