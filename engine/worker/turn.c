/* SPDX-License-Identifier: MIT */
/* The parts of a turn in their order: see turn.h. */
#include "engine/worker/turn.h"

#include "engine/worker/all.h"
#include "engine/worker/batch.h"
#include "engine/worker/catch_up.h"
#include "engine/worker/drain.h"
#include "engine/worker/ending.h"
#include "engine/worker/evict.h"
#include "engine/worker/inspect.h"
#include "engine/worker/intake.h"
#include "engine/worker/join.h"
#include "engine/worker/kick.h"
#include "engine/worker/lag.h"
#include "engine/worker/release.h"
#include "engine/worker/relieve.h"
#include "engine/worker/ruling.h"
#include "engine/worker/subscriber.h"
#include "engine/worker/sweep.h"
#include "engine/worker/visit.h"

#define TICK_NS 250000000

static void take_order(struct worker *worker, struct order *order)
{
    if (!order->drain) {
        worker->limits = order->limits;
        ruling_change(worker, TAKE(order->rules));
        worker->lag.due_ns = worker->now_ns; /* every time limit may be another one */
        visits_expect_all(worker);
        free(order);
        return;
    }
    drain_begin(worker, order->final, order->most_ms);
    inspect_end(worker);
}

static bool take_messages(struct worker *worker)
{
    struct message *message = inbox_take_messages(&worker->inbox);
    bool any = message != NULL;
    while (message) {
        struct message *next = message->next;
        if (__builtin_expect(message->kind == MESSAGE_HANDOFF, 1))
            join_take(worker, (struct handoff *)(void *)message);
        else if (message->kind == MESSAGE_ORDER)
            take_order(worker, (struct order *)(void *)message);
        else if (message->kind == MESSAGE_CONTROL)
            inspect_take(worker, (struct control_part *)(void *)message);
        else
            inspect_count(worker, (struct census_part *)(void *)message);
        message = next;
    }
    return any;
}

int64_t worker_due_ns(const struct worker *worker)
{
    int64_t due = worker->lag.live ? worker->lag.due_ns : NO_TIME;
    if (worker->tick_due_ns < due)
        due = worker->tick_due_ns;
    if (worker->intake.stalled && worker->intake.due_ns < due)
        due = worker->intake.due_ns;
    if (worker->drain.under_way && worker->drain.due_ns < due)
        due = worker->drain.due_ns;
    return due;
}

/* Sends what there is to send. True if there was anything to do. */
static bool serve(struct worker *worker)
{
    bool busy = take_messages(worker);
    busy |= intake_events(worker);
    if (worker_has_failed(worker))
        join_refuse_waiting(worker);
    busy |= join_ready(worker);
    busy |= kick_step(worker);
    busy |= all_look(worker);
    busy |= sweep_channels(worker);
    busy |= catch_up_some(worker);
    batch_submit(worker);
    return batch_events(worker) || busy;
}

/* What time makes due: windows, heartbeats, timeouts. True if there is more. */
static bool keep_time(struct worker *worker, bool ticks)
{
    bool more = lag_check(worker);
    if (ticks) {
        visits_plan(worker);
        lag_answer(worker);
    }
    more |= visits_make(worker);
    batch_submit(worker);
    return more;
}

/* Nothing is queued any more: sweeps end, frames, subscribers and records go. True if there is
 * more. */
static bool settle(struct worker *worker, bool ticks)
{
    sweep_finish(worker);
    if (all_settle(worker))
        evict_trim(worker, worker->channels.all);
    if (ticks) {
        ending_expire(worker);
        evict_expired(worker);
    }
    bool more = relieve(worker);
    if (ticks)
        worker->tick_due_ns = NO_TIME;
    bool keeps = worker->channels.count || worker->channels.oldest; /* those to all, too */
    if (worker->tick_due_ns == NO_TIME && keeps)
        worker->tick_due_ns = worker->now_ns + TICK_NS;
    drain_step(worker);
    if (worker_has_failed(worker))
        subscriber_close_all(worker, CLOSE_ERROR);
    subscriber_bury(worker);
    more |= inspect_some(worker);
    release_settle(worker);
    return more;
}

bool worker_turn(struct worker *worker)
{
    struct io *io = worker->io;
    int64_t now_ns = io->operations->now_ns(io);
    if (worker->load.idle)
        worker->load.idle_ns += now_ns - worker->now_ns;
    worker->now_ns = now_ns;
    bool busy = serve(worker);
    if (busy) { /* else the wait before this turn has just looked */
        if (io->operations->wait(io, 0) < 0)
            worker_fail(worker);
        batch_events(worker);
    }
    bool ticks = worker->now_ns >= worker->tick_due_ns;
    bool more = keep_time(worker, ticks);
    more |= settle(worker, ticks);
    /* Whatever the last steps queued is the next turn's work. */
    busy = busy || more || worker->dirty.first || worker->catch_up.count || all_is_busy(worker);
    worker->load.idle = !busy;
    return busy;
}
