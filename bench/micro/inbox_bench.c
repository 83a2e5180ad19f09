/* SPDX-License-Identifier: MIT */
/*
 * The inbox with 1 to 8 producers and one consumer, held against a mutex queue (mutex_queue.h) that
 * does the same job: give each event its place in one order, and pass it on.
 *
 * Producers claim a sequence as the hub does: a look at the room, then one compare-and-swap; store;
 * a full fence; a look whether the consumer sleeps, and an eventfd if so. The consumer takes up to
 * 256 at once, checks the order, and parks when there is nothing. The frames are headers from a
 * pool, so that no allocator is measured, and only their sequence is stamped: the text of an id is
 * the frame's business. A producer that finds no room yields; in the mutex queue it waits.
 *
 * Both are run in turns and each turn gives one ratio, so that what else the machine does falls on
 * both alike.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/micro/benches.h"
#include "bench/micro/mutex_queue.h"
#include "engine/base/clock.h"
#include "engine/inbox.h"
#include "engine/io/io.h"
#include "engine/limits.h"

#define PRODUCERS_MAX 8u
#define EVENTS        2000000u /* in all; some tens of milliseconds */
#define TAKE_MAX      256u     /* as worker_turn */
/* A frame is used again when its sequence is long taken: with twice as many frames as slots
 * whoever has room for a sequence knows that. */
#define POOL_FRAMES (2 * INBOX_SLOTS)

struct job {
    unsigned producers;
    pthread_barrier_t start;
    struct conveyor conveyor;
    struct sleepers sleepers;
    struct inbox inbox;
    struct mutex_queue queue;
    int wake;        /* eventfd */
    uint64_t sleeps; /* of the consumer, in all repeats */
    alignas(64) _Atomic uint64_t next;
};

static struct job job;
static char *pool; /* frames without bytes, a cache line each */

static struct frame *frame_of(uint64_t sequence)
{
    return (struct frame *)(void *)(pool + 64 * (sequence & (POOL_FRAMES - 1)));
}

static unsigned share(void)
{
    return EVENTS / job.producers;
}

/* --- over the inbox -------------------------------------------------------------------------- */

static uint64_t claim(void)
{
    uint64_t first = atomic_load_explicit(&job.next, memory_order_acquire);
    for (;;) {
        if (!inbox_has_room(&job.inbox, first, 1)) {
            sched_yield();
            first = atomic_load_explicit(&job.next, memory_order_acquire);
        } else if (atomic_compare_exchange_weak_explicit(
                       &job.next, &first, first + 1, memory_order_acq_rel, memory_order_acquire)) {
            return first;
        }
    }
}

static void *inbox_producer(void *argument)
{
    (void)argument;
    pthread_barrier_wait(&job.start);
    for (unsigned left = share(); left > 0; left--) {
        uint64_t sequence = claim();
        struct frame *frame = frame_of(sequence);
        frame->sequence = sequence;
        conveyor_put(&job.conveyor, sequence, frame);
        /* Pairs with the fence in inbox_park. */
        atomic_thread_fence(memory_order_seq_cst);
        if (inbox_claim_wake(&job.inbox)) {
            uint64_t one = 1;
            ssize_t written = write(job.wake, &one, sizeof(one));
            CHECK(written == sizeof(one));
        }
    }
    return NULL;
}

static void inbox_consume(void)
{
    struct frame *frames[TAKE_MAX];
    uint64_t position = 1, end = 1 + (uint64_t)share() * job.producers;
    while (position < end) {
        unsigned count = inbox_take(&job.inbox, frames, TAKE_MAX);
        for (unsigned i = 0; i < count; i++, position++)
            CHECK(frames[i]->sequence == position);
        if (count || position == end || !inbox_park(&job.inbox))
            continue;
        job.sleeps++;
        uint64_t wakes;
        ssize_t got = read(job.wake, &wakes, sizeof(wakes));
        CHECK(got == sizeof(wakes));
        inbox_unpark(&job.inbox);
    }
}

/* --- over the mutex queue -------------------------------------------------------------------- */

static void *queue_producer(void *argument)
{
    (void)argument;
    pthread_barrier_wait(&job.start);
    for (unsigned left = share(); left > 0; left--)
        mutex_queue_put(&job.queue, frame_of);
    return NULL;
}

static void queue_consume(void)
{
    struct frame *frames[TAKE_MAX];
    uint64_t position = 1, end = 1 + (uint64_t)share() * job.producers;
    while (position < end) {
        unsigned count = mutex_queue_take(&job.queue, frames, TAKE_MAX);
        for (unsigned i = 0; i < count; i++, position++)
            CHECK(frames[i]->sequence == position);
    }
}

/* --- both ------------------------------------------------------------------------------------ */

/* Nanoseconds per event from the common start until the consumer has the last one. */
static double run(void *(*producer)(void *), void (*consume)(void))
{
    pthread_t threads[PRODUCERS_MAX];
    pthread_barrier_init(&job.start, NULL, job.producers + 1);
    for (unsigned i = 0; i < job.producers; i++) {
        int r = pthread_create(&threads[i], NULL, producer, NULL);
        CHECK(r == 0);
    }
    pthread_barrier_wait(&job.start);
    int64_t begin_ns = clock_ns();
    consume();
    int64_t all_ns = clock_ns() - begin_ns;
    for (unsigned i = 0; i < job.producers; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&job.start);
    return (double)all_ns / ((double)share() * job.producers);
}

static double inbox_ns(void)
{
    atomic_init(&job.next, 1);
    int r = conveyor_init(&job.conveyor, INBOX_SLOTS);
    CHECK(r == 0);
    inbox_init(&job.inbox, &job.conveyor, &job.sleepers, 0);
    double ns = run(inbox_producer, inbox_consume);
    inbox_deinit(&job.inbox);
    conveyor_deinit(&job.conveyor);
    return ns;
}

static double queue_ns(void)
{
    int r = mutex_queue_init(&job.queue, INBOX_SLOTS);
    CHECK(r == 0);
    double ns = run(queue_producer, queue_consume);
    job.sleeps += job.queue.sleeps;
    mutex_queue_deinit(&job.queue);
    return ns;
}

/* One of the two: its times, and how often its consumer slept, which explains the most of them. */
struct side {
    double (*run_ns)(void);
    const char *name;
    struct samples samples;
    uint64_t sleeps;
};

static double side_repeat(struct side *side)
{
    job.sleeps = 0;
    double ns = side->run_ns();
    samples_add(&side->samples, ns);
    side->sleeps += job.sleeps;
    return ns;
}

static void side_report(struct report *report, const struct side *side)
{
    char detail[96];
    double events = (double)share() * job.producers * side->samples.count;
    snprintf(detail, sizeof(detail), "The consumer slept %.3g times per 1,000 events.",
             (double)side->sleeps * 1000 / events);
    report_add(report, &side->samples, &(struct result){.unit = "ns per event", .detail = detail},
               "inbox.%u.%s", job.producers, side->name);
}

static void bench_producers(struct report *report)
{
    struct side inbox = {.run_ns = inbox_ns, .name = "inbox"};
    struct side queue = {.run_ns = queue_ns, .name = "mutex"};
    struct samples ratio = {0};
    inbox_ns();
    queue_ns();
    for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
        double first_ns = side_repeat(&inbox);
        samples_add(&ratio, first_ns / side_repeat(&queue));
    }
    side_report(report, &inbox);
    side_report(report, &queue);
    report_add(report, &ratio, &(struct result){.unit = "inbox / mutex queue, time"},
               "inbox.%u.ratio", job.producers);
}

void bench_inbox(struct report *report)
{
    static_assert(sizeof(struct frame) <= 64, "a frame of the pool is a cache line");
    pool = calloc(POOL_FRAMES, 64);
    job.wake = eventfd(0, EFD_CLOEXEC);
    CHECK(pool && job.wake >= 0);
    for (job.producers = 1; job.producers <= PRODUCERS_MAX; job.producers *= 2)
        bench_producers(report);
    close(job.wake);
    free(pool);
    pool = NULL;
}
