/* SPDX-License-Identifier: MIT */
/* A worker's thread: start, one turn after the other, parking, timers, drain. See worker.h. */
#include "engine/worker/worker.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>

#include "engine/limits.h"
#include "engine/mutation.h"

#define TICK_NS   250000000
#define NO_RECORD UINT32_MAX
#define NO_TIME   INT64_MAX

/* A message of the hub's; hand-offs are the other kind, and told apart by the first member. */
struct order {
    struct message message;
    bool drain;
    uint64_t final;            /* of a drain */
    struct hub_options limits; /* of a reload */
};

/* --- start and stop: the hub's thread -------------------------------------------------------- */

/* Address space for `count` records that cost memory only once they are used. */
static void *reserve(size_t count, size_t size)
{
    void *at = mmap(NULL, count * size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static void give_up(void *at, size_t count, size_t size)
{
    if (at)
        munmap(at, count * size);
}

static int make_shared_frames(struct worker *worker)
{
    static const char chunked[] = "3\r\n:\n\n\r\n", plain[] = ":\n\n", last[] = "0\r\n\r\n";
    struct frame *a = frame_new_private(FRAME_NOTE, chunked, sizeof(chunked) - 1);
    struct frame *b = frame_new_private(FRAME_NOTE, plain, sizeof(plain) - 1);
    worker->heartbeats[0] = (struct item){.frame = a, .end = sizeof(chunked) - 1};
    worker->heartbeats[1] = (struct item){.frame = b, .end = sizeof(plain) - 1};
    worker->last_chunk = frame_new_private(FRAME_LAST, last, sizeof(last) - 1);
    return a && b && worker->last_chunk ? 0 : -ENOMEM;
}

int worker_init(struct worker *worker, const struct worker_options *options, struct flow *flow)
{
    *worker = (struct worker){.options = options,
                              .limits = options->hub,
                              .flow = flow,
                              .position = 1,
                              .subscribers_free = NO_RECORD,
                              .graveyard = NO_RECORD,
                              .lag_due_ns = NO_TIME,
                              .tick_due_ns = NO_TIME};
    channels_init(&worker->channels, &options->key);
    worker->subscribers = reserve(options->sockets, sizeof(*worker->subscribers));
    worker->catch_up = reserve(options->sockets, sizeof(*worker->catch_up));
    worker->lagging = reserve(options->sockets, sizeof(*worker->lagging));
    worker->drain = calloc(1, sizeof(*worker->drain));
    if (inbox_init(&worker->inbox, INBOX_SLOTS) < 0 || sends_init(worker) < 0 ||
        make_shared_frames(worker) < 0 || !worker->subscribers || !worker->catch_up ||
        !worker->lagging || !worker->drain) {
        worker_deinit(worker);
        return -ENOMEM;
    }
    return 0;
}

void worker_deinit(struct worker *worker)
{
    inbox_deinit(&worker->inbox);
    channels_deinit(&worker->channels);
    sends_deinit(worker);
    frame_unref(worker->heartbeats[0].frame);
    frame_unref(worker->heartbeats[1].frame);
    frame_unref(worker->last_chunk);
    give_up(worker->subscribers, worker->options->sockets, sizeof(*worker->subscribers));
    give_up(worker->catch_up, worker->options->sockets, sizeof(*worker->catch_up));
    give_up(worker->lagging, worker->options->sockets, sizeof(*worker->lagging));
    free(worker->drain);
}

static void worker_run(struct worker *worker)
{
    struct io *io = worker->io;
    while (!worker->stopped) {
        if (worker_turn(worker) || !inbox_park(&worker->inbox))
            continue;
        int64_t due = worker_due_ns(worker);
        int64_t timeout = due == NO_TIME ? -1 : due - io->operations->now_ns(io);
        int r = io->operations->wait(io, due != NO_TIME && timeout < 0 ? 0 : timeout);
        CHECK(r == 0);
        inbox_unpark(&worker->inbox);
    }
}

struct start {
    struct worker *worker;
    sem_t done;
    int result;
};

static void *worker_main(void *argument)
{
    struct start *start = argument;
    struct worker *worker = start->worker;
    uint32_t sockets = worker->options->sockets;
    start->result = worker->options->use_uring ? io_uring_open(sockets, &worker->io)
                                               : io_epoll_open(sockets, &worker->io);
    bool opened = start->result == 0;
    sem_post(&start->done); /* `start` is gone from here on */
    if (opened) {
        worker_run(worker);
        worker->io->operations->close(worker->io);
    }
    return NULL;
}

int worker_start(struct worker *worker)
{
    struct start start = {.worker = worker};
    sigset_t all, before;
    sem_init(&start.done, 0, 0);
    /* Signals are the business of the program around us. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&worker->thread, NULL, worker_main, &start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0) {
        while (sem_wait(&start.done) < 0 && errno == EINTR)
            ;
        r = start.result;
        if (r < 0)
            pthread_join(worker->thread, NULL);
    } else {
        r = -r;
    }
    sem_destroy(&start.done);
    return r;
}

void worker_drain(struct worker *worker, uint64_t final)
{
    *worker->drain = (struct order){.message.kind = MESSAGE_ORDER, .drain = true, .final = final};
    inbox_post(&worker->inbox, &worker->drain->message);
    atomic_thread_fence(memory_order_seq_cst);
    worker_wake(worker);
}

int worker_reload(struct worker *worker, const struct hub_options *limits)
{
    struct order *order = malloc(sizeof(*order));
    if (!order)
        return -ENOMEM;
    *order = (struct order){.message.kind = MESSAGE_ORDER, .limits = *limits};
    inbox_post(&worker->inbox, &order->message);
    atomic_thread_fence(memory_order_seq_cst);
    worker_wake(worker);
    return 0;
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

void worker_wake(struct worker *worker)
{
    if (inbox_claim_wake(&worker->inbox))
        worker->io->operations->wake(worker->io);
}

/* --- timers -------------------------------------------------------------------------------- */

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

static void plan_visits(struct worker *worker)
{
    uint32_t interval_ms = visit_interval_ms(worker);
    uint64_t passed_ms = (uint64_t)(worker->now_ns - worker->planned_ns) / 1000000;
    worker->planned_ns = worker->now_ns;
    if (interval_ms == 0 || worker->draining)
        return;
    worker->visit_left += worker->subscribers_used * passed_ms / interval_ms + 1;
    if (worker->visit_left > worker->subscribers_used)
        worker->visit_left = worker->subscribers_used;
}

/* Ends the response in order: what it lacks, a `retry:` of its own, the last chunk. */
static void end_in_order(struct worker *worker, struct subscriber *subscriber,
                         enum subscriber_flag reason)
{
    subscriber->flags |= (uint16_t)reason;
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
    catch_up_add(worker, subscriber);
}

/* Everybody's lifetime is its own, so that those who came together do not all come back together.
 */
static uint32_t lifetime_of(const struct worker *worker, uint32_t index)
{
    uint32_t lifetime_ms = worker->limits.lifetime_ms;
    return lifetime_ms - (uint32_t)((uint64_t)lifetime_ms / 5 * (index * 2654435761u) >> 32);
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

/* A bounded part of the plan; true if some of it is left. */
static bool make_visits(struct worker *worker)
{
    uint32_t sent = 0;
    for (; worker->visit_left > 0 && sent < HEARTBEAT_BATCH; worker->visit_left--) {
        if (worker->visit_next >= worker->subscribers_used)
            worker->visit_next = 0;
        sent += visit(worker, &worker->subscribers[worker->visit_next++]);
    }
    worker_flush(worker);
    return worker->visit_left > 0;
}

static void tick(struct worker *worker)
{
    if (worker->now_ns < worker->tick_due_ns)
        return;
    worker_flush(worker);
    plan_visits(worker);
    worker_expire(worker);
    worker->tick_due_ns = NO_TIME;
}

int64_t worker_due_ns(const struct worker *worker)
{
    int64_t due = worker->lagging_live ? worker->lag_due_ns : NO_TIME;
    if (worker->tick_due_ns < due)
        due = worker->tick_due_ns;
    if (worker->draining && worker->drain_due_ns < due)
        due = worker->drain_due_ns;
    return due;
}

/* --- drain --------------------------------------------------------------------------------- */

static void cut_all(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->subscribers_used; i++)
        if (worker->subscribers[i].state != SUBSCRIBER_FREE)
            subscriber_close(worker, &worker->subscribers[i], CLOSE_CUT);
    subscribers_bury(worker);
}

/* Once everything claimed is taken and every hand-off adopted, each subscriber gets what it lacks
 * and its goodbye; who is not done at the deadline is cut. */
static void drain_step(struct worker *worker)
{
    if (!worker->drain_final || worker->stopped)
        return;
    if (worker->now_ns >= worker->drain_due_ns) {
        worker_refuse_waiting(worker);
        cut_all(worker);
        worker->stopped = true;
        return;
    }
    if (!worker->draining) {
        if ((worker->position < worker->drain_final && !MUTATION(drain_too_early)) ||
            worker->waiting_first)
            return;
        worker->draining = true;
        for (uint32_t i = 0; i < worker->subscribers_used; i++) {
            struct subscriber *subscriber = &worker->subscribers[i];
            if (subscriber->state != SUBSCRIBER_CURRENT)
                continue;
            subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
            catch_up_add(worker, subscriber);
        }
    }
    if (worker->subscriber_count == 0)
        worker->stopped = true;
}

/* --- one turn ------------------------------------------------------------------------------ */

static void take_order(struct worker *worker, struct order *order)
{
    if (!order->drain) {
        worker->limits = order->limits;
        free(order);
        return;
    }
    worker->drain_final = order->final;
    worker->drain_due_ns = worker->now_ns + (int64_t)worker->limits.drain_timeout_ms * 1000000;
}

static bool take_messages(struct worker *worker)
{
    struct message *message = inbox_take_messages(&worker->inbox);
    bool any = message != NULL;
    while (message) {
        struct message *next = message->next;
        if (message->kind == MESSAGE_ORDER)
            take_order(worker, (struct order *)(void *)message);
        else
            worker_take_handoff(worker, message);
        message = next;
    }
    return any;
}

static bool take_events(struct worker *worker)
{
    struct frame *frames[256];
    unsigned taken = 0;
    while (taken < TAKE_BATCH) {
        unsigned count = inbox_take(&worker->inbox, frames, 256);
        for (unsigned i = 0; i < count; i++) {
            /* Each frame's first line was written by another core. */
            if (i + 8 < count)
                __builtin_prefetch(frames[i + 8]);
            worker_append(worker, frames[i]);
        }
        taken += count;
        if (count < 256)
            break;
    }
    worker->freed_room |= taken > 0; /* slots are free again */
    return taken > 0;
}

bool worker_turn(struct worker *worker)
{
    struct io *io = worker->io;
    worker->now_ns = io->operations->now_ns(io);
    bool busy = take_messages(worker);
    busy |= take_events(worker);
    busy |= worker_adopt(worker);
    busy |= worker_sweep(worker);
    busy |= worker_catch_up(worker);
    worker_flush(worker);
    busy |= worker_events(worker);
    if (busy) { /* else the wait before this turn has just looked */
        int r = io->operations->wait(io, 0);
        CHECK(r == 0);
        worker_events(worker);
    }
    bool more = lag_check(worker);
    tick(worker);
    more |= make_visits(worker);
    more |= worker_relieve(worker);
    if (worker->tick_due_ns == NO_TIME && worker->channels.count)
        worker->tick_due_ns = worker->now_ns + TICK_NS;
    drain_step(worker);
    subscribers_bury(worker);
    if (worker->freed_bytes) {
        atomic_fetch_sub_explicit(&worker->flow->frame_bytes, worker->freed_bytes,
                                  memory_order_relaxed);
        worker->freed_bytes = 0;
        worker->freed_room = true;
    }
    if (worker->freed_room && !MUTATION(waiters_asleep)) {
        worker->freed_room = false;
        flow_wake(worker->flow);
    }
    /* Whatever the last steps queued is the next turn's work. */
    return busy || more || worker->dirty_first || worker->catch_up_count || worker->finishing;
}
