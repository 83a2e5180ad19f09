/* SPDX-License-Identifier: MIT */
/* Heartbeats and timeouts: see visit.h. */
#include "engine/worker/visit.h"

#include <errno.h>

#include "engine/mutation.h"
#include "engine/worker/batch.h"
#include "engine/worker/poll.h"
#include "engine/worker/ruling.h"
#include "engine/worker/subscriber.h"

#define BLOCK 64u
/* Milliseconds after which a block that has nothing to wait for is looked at all the same: far less
 * than what the 32-bit clock can tell apart. */
#define NEVER (UINT32_C(1) << 30)
/* At the next tick. */
#define SOON 1u

static uint32_t blocks(uint32_t records)
{
    return (records + BLOCK - 1) / BLOCK;
}

int visits_init(struct worker *worker)
{
    worker->visits.due_ms = calloc(blocks(worker->options->sockets), sizeof(uint32_t));
    /* Of so many records memory is taken as they are used: the kernel's own pages of zeros. */
    worker->visits.ends_ns = calloc(worker->options->sockets, sizeof(int64_t));
    return worker->visits.due_ms && worker->visits.ends_ns ? 0 : -ENOMEM;
}

void visits_deinit(struct worker *worker)
{
    free(worker->visits.due_ms);
    free(worker->visits.ends_ns);
}

/* Its time is over: whatever it lacks, it has so long to read what it has begun. */
static void begin_grace(struct worker *worker, struct subscriber *subscriber)
{
    worker->visits.ends_ns[subscriber_index(worker, subscriber)] =
        worker->now_ns + EXPIRED_GRACE_MS * INT64_C(1000000);
    subscriber_end(worker, subscriber, CLOSE_EXPIRED);
}

void visits_expect(struct worker *worker, struct subscriber *subscriber, int64_t ends_ns)
{
    uint32_t index = subscriber_index(worker, subscriber);
    worker->visits.due_ms[index / BLOCK] = worker_ms(worker);
    if (ends_ns == 0)
        return;
    subscriber->flags |= SUBSCRIBER_TIMED;
    worker->visits.ends_ns[index] = ends_ns;
    if (ends_ns <= worker->now_ns)
        begin_grace(worker, subscriber);
}

void visits_expect_all(struct worker *worker)
{
    for (uint32_t i = 0; i < blocks(worker->records.used); i++)
        worker->visits.due_ms[i] = worker_ms(worker);
}

void visits_plan(struct worker *worker)
{
    if (worker->visits.next >= worker->visits.end && !worker->drain.under_way) {
        worker->visits.next = 0;
        worker->visits.end = blocks(worker->records.used);
    }
}

/* Everybody's lifetime is its own, so that those who came together do not all come back together.
 */
static uint32_t lifetime_of(uint32_t lifetime_ms, uint32_t index)
{
    return lifetime_ms - (uint32_t)((uint64_t)lifetime_ms / 5 * (index * 2654435761u) >> 32);
}

static void send_heartbeat(struct worker *worker, struct subscriber *subscriber)
{
    struct run_part *part = &worker->forms[subscriber_form(subscriber)].comment;
    struct batch_send *send = batch_queue(worker, subscriber, part->frame->bytes, part->frame->len);
    send->parts = part;
    send->count = 1;
    COUNT(worker, heartbeats, 1);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Milliseconds until its token ends; once it has, it is on its way out, and until it is closed. */
static uint32_t visit_end(struct worker *worker, struct subscriber *subscriber)
{
    if (!(subscriber->flags & SUBSCRIBER_TIMED))
        return NEVER;
    int64_t left_ns = worker->visits.ends_ns[subscriber_index(worker, subscriber)] - worker->now_ns;
    if (left_ns > 0)
        return left_ns / 1000000 < NEVER ? (uint32_t)(left_ns / 1000000) + 1 : NEVER;
    if (subscriber->ending == CLOSE_EXPIRED) {
        if (!MUTATION(expired_stays))
            subscriber_close(worker, subscriber, CLOSE_EXPIRED);
        return NEVER;
    }
    begin_grace(worker, subscriber);
    subscriber_set_state(worker, subscriber, subscriber->state); /* what it held, it does no more */
    return EXPIRED_GRACE_MS;
}

/* Does what is due, and says for how many milliseconds nothing else will be. */
static uint32_t visit(struct worker *worker, struct subscriber *subscriber)
{
    uint32_t heartbeat_ms = worker->limits.heartbeat_s * 1000;
    if (subscriber->state == SUBSCRIBER_FREE || subscriber->state == SUBSCRIBER_CLOSING)
        return NEVER;
    uint32_t end_ms = visit_end(worker, subscriber);
    if (subscriber->ending)
        return end_ms;
    /* The others have something coming, which counts as a write and perhaps as an event. */
    bool current = subscriber->state == SUBSCRIBER_CURRENT;
    uint32_t now_ms = worker_ms(worker), left_ms = end_ms;
    struct ruling_times times = ruling_times(worker, subscriber);
    if (times.lifetime_ms) {
        uint32_t lifetime_ms = lifetime_of(times.lifetime_ms, subscriber_index(worker, subscriber));
        uint32_t age_ms = now_ms - subscriber->joined_ms;
        if (age_ms >= lifetime_ms) {
            subscriber_end(worker, subscriber, CLOSE_AGE);
            return end_ms;
        }
        left_ms = least(left_ms, lifetime_ms - age_ms);
    }
    if (subscriber_waits(subscriber)) {
        uint32_t wait_ms = poll_visit(worker, subscriber);
        left_ms = least(left_ms, wait_ms == 0 ? SOON : wait_ms);
        current = subscriber->state == SUBSCRIBER_CURRENT;
    } else if (times.idle_timeout_ms) {
        uint32_t idle_ms = now_ms - subscriber->event_ms;
        if (idle_ms >= times.idle_timeout_ms && current) {
            subscriber_end(worker, subscriber, CLOSE_IDLE);
            return end_ms;
        }
        left_ms = least(left_ms,
                        idle_ms < times.idle_timeout_ms ? times.idle_timeout_ms - idle_ms : SOON);
    }
    if (heartbeat_ms) {
        uint32_t quiet_ms = now_ms - subscriber->written_ms;
        if (quiet_ms >= heartbeat_ms && current) {
            send_heartbeat(worker, subscriber);
            quiet_ms = 0;
        }
        left_ms = least(left_ms, quiet_ms < heartbeat_ms ? heartbeat_ms - quiet_ms : SOON);
    }
    return left_ms;
}

static void visit_block(struct worker *worker, uint32_t block)
{
    uint32_t first = block * BLOCK, left_ms = NEVER;
    uint32_t end = least(first + BLOCK, worker->records.used);
    if (worker->batch.count + BLOCK > SEND_BATCH)
        batch_submit(worker);
    for (uint32_t i = first; i < end; i++)
        left_ms = least(left_ms, visit(worker, &worker->subscribers[i]));
    worker->visits.due_ms[block] = worker_ms(worker) + left_ms;
}

bool visits_make(struct worker *worker)
{
    uint32_t visited = 0;
    while (worker->visits.next < worker->visits.end && visited < VISIT_BATCH) {
        uint32_t block = worker->visits.next++;
        if ((int32_t)(worker_ms(worker) - worker->visits.due_ms[block]) < 0)
            continue;
        visit_block(worker, block);
        visited += BLOCK;
    }
    return worker->visits.next < worker->visits.end;
}
