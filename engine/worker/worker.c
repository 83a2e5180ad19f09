/* SPDX-License-Identifier: MIT */
/* A worker's thread: start, one turn after the other, parking. See worker.h. */
#include "engine/worker/worker.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>

#include "engine/io/io.h"
#include "engine/worker/batch.h"
#include "engine/worker/catch_up.h"
#include "engine/worker/identity.h"
#include "engine/worker/intake.h"
#include "engine/worker/private.h"
#include "engine/worker/ruling.h"
#include "engine/worker/subscriber.h"
#include "engine/worker/sweep.h"
#include "engine/worker/turn.h"
#include "engine/worker/visit.h"

#define NO_RECORD UINT32_MAX

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

static int make_fixed_frames(struct worker *worker)
{
    for (enum form form = 0; form < FORM_COUNT; form++) {
        struct frame *comment = form_comment(form);
        struct frame *end = form_has_end(form) ? form_end(form) : NULL;
        worker->forms[form] = (struct fixed_frames){
            .comment = {.frame = comment, .end = comment ? comment->len : 0}, .end = end};
        if (!comment || (form_has_end(form) && !end))
            return -ENOMEM;
    }
    return 0;
}

int worker_init(struct worker *worker, unsigned index, const struct worker_options *options,
                struct flow *flow)
{
    *worker = (struct worker){.options = options,
                              .index = index,
                              .limits = options->hub,
                              .flow = flow,
                              .position = 1,
                              .records = {.free = NO_RECORD, .closing = NO_RECORD},
                              .inspect.looks = INSPECT_LOOKS,
                              .lag.due_ns = NO_TIME,
                              .tick_due_ns = NO_TIME};
    channels_init(&worker->channels, &options->key);
    worker->channels.roll = flow->workers > 1 ? &flow->roll : NULL;
    worker->subscribers = reserve(options->sockets, sizeof(*worker->subscribers));
    worker->catch_up.ring = reserve(options->sockets, sizeof(*worker->catch_up.ring));
    worker->lag.list = reserve(options->sockets, sizeof(*worker->lag.list));
    worker->seats.of = reserve(options->sockets, sizeof(struct seat *));
    worker->groups.of = reserve(options->sockets, sizeof(*worker->groups.of));
    worker->drain.order = calloc(1, sizeof(*worker->drain.order));
    inbox_init(&worker->inbox, &flow->conveyor, &flow->sleepers, index);
    if (batch_init(worker) < 0 || sweep_init(worker) < 0 || catch_up_init(worker) < 0 ||
        private_init(worker) < 0 || visits_init(worker) < 0 || identities_init(worker) < 0 ||
        make_fixed_frames(worker) < 0 || !worker->subscribers || !worker->catch_up.ring ||
        !worker->lag.list || !worker->seats.of || !worker->groups.of || !worker->drain.order) {
        worker_end(worker);
        worker_deinit(worker);
        return -ENOMEM;
    }
    ruling_change(worker, rules_ref(options->rules));
    return 0;
}

/* What was asked while it ended. */
static void finish_posted(struct worker *worker)
{
    struct message *message = inbox_take_messages(&worker->inbox);
    while (message) {
        struct message *next = message->next;
        if (message->kind == MESSAGE_CONTROL)
            control_finish((struct control_part *)(void *)message, -ESHUTDOWN);
        else if (message->kind == MESSAGE_CENSUS)
            census_finish((struct census_part *)(void *)message);
        message = next;
    }
}

void worker_end(struct worker *worker)
{
    finish_posted(worker);
    intake_deinit(worker);
    ruling_deinit(worker);
    channels_deinit(&worker->channels);
    batch_deinit(worker);
    sweep_deinit(worker);
    catch_up_deinit(worker);
    private_deinit(worker);
    visits_deinit(worker);
    identities_deinit(worker);
    for (enum form form = 0; form < FORM_COUNT; form++) {
        frame_unref(worker->forms[form].comment.frame);
        frame_unref(worker->forms[form].end);
    }
    give_up(worker->subscribers, worker->options->sockets, sizeof(*worker->subscribers));
    give_up(worker->catch_up.ring, worker->options->sockets, sizeof(*worker->catch_up.ring));
    give_up(worker->lag.list, worker->options->sockets, sizeof(*worker->lag.list));
    give_up(worker->seats.of, worker->options->sockets, sizeof(struct seat *));
    give_up(worker->groups.of, worker->options->sockets, sizeof(*worker->groups.of));
    free(worker->drain.order);
}

void worker_deinit(struct worker *worker)
{
    inbox_deinit(&worker->inbox);
    if (worker->io)
        worker->io->operations->close(worker->io);
    worker->io = NULL;
}

static void worker_run(struct worker *worker)
{
    struct io *io = worker->io;
    while (!worker->stopped) {
        if (worker_turn(worker))
            continue;
        /* Without memory for the next event it rests, although there are events. */
        if (!inbox_park(&worker->inbox) && !worker->intake.stalled)
            continue;
        int64_t due = worker_due_ns(worker);
        int64_t timeout = due == NO_TIME ? -1 : due - io->operations->now_ns(io);
        if (io->operations->wait(io, due != NO_TIME && timeout < 0 ? 0 : timeout) < 0)
            worker_fail(worker);
        inbox_unpark(&worker->inbox);
    }
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0 && errno == EINTR)
        ;
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
    char name[16];
    snprintf(name, sizeof(name), "fanfare-w%u", worker->index);
    pthread_setname_np(pthread_self(), name);
    start->result = worker->options->open_io(worker->options->sockets, &worker->io);
    bool opened = start->result == 0;
    sem_post(&start->done); /* `start` is gone from here on */
    if (opened) {
        worker_run(worker);
        worker->io->operations->end(worker->io);
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
        wait_for(&start.done);
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
    worker_drain_within(worker, final, UINT32_MAX);
}

void worker_drain_within(struct worker *worker, uint64_t final, uint32_t most_ms)
{
    *worker->drain.order = (struct order){
        .message.kind = MESSAGE_ORDER, .drain = true, .final = final, .most_ms = most_ms};
    inbox_post(&worker->inbox, &worker->drain.order->message);
    atomic_thread_fence(memory_order_seq_cst);
    worker_wake(worker);
}

struct order *order_new(const struct hub_options *limits, struct rules *rules)
{
    struct order *order = malloc(sizeof(*order));
    if (order)
        *order = (struct order){
            .message.kind = MESSAGE_ORDER, .limits = *limits, .rules = rules_ref(rules)};
    return order;
}

struct order *order_free(struct order *order)
{
    if (order)
        rules_unref(order->rules);
    free(order);
    return NULL;
}

void worker_order(struct worker *worker, struct order *order)
{
    inbox_post(&worker->inbox, &order->message);
    atomic_thread_fence(memory_order_seq_cst);
    worker_wake(worker);
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
