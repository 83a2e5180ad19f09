/* SPDX-License-Identifier: MIT */
/*
 * The inbox under many publishers: several inboxes share one sequence, as the hub's workers do.
 * Each worker must see every sequence, in order, once; each publisher's own order; the messages of
 * each poster in order; and no wake-up may be lost. The ring is tiny, so that it wraps all the
 * time.
 *
 * Runs alone (no hub), and under ThreadSanitizer: whatever the inbox hands over must be ordered by
 * its own atomics.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/inbox.h"
#include "tests/e2e/check.h"

#define WORKERS    3u
#define PUBLISHERS 4u
#define POSTERS    2u
#define SLOTS      64u
#define BATCH_MAX  5u

struct note {
    struct message message; /* first */
    unsigned poster, number;
};

struct worker {
    struct inbox inbox;
    int wake; /* eventfd */
    uint64_t waits, parks;
    uint32_t next[PUBLISHERS + 1]; /* the number that must come */
    uint32_t next_note[POSTERS];
    uint32_t ended; /* posters whose last note has come */
};

static struct worker workers[WORKERS];
static struct conveyor conveyor;
static struct sleepers sleepers;
static _Atomic uint64_t next_sequence = 1;
static struct ids ids;
static unsigned events_each, notes_each, lone_events;

static void wake_all(void)
{
    /* Pairs with the fence in inbox_park. */
    atomic_thread_fence(memory_order_seq_cst);
    uint64_t bits = atomic_load_explicit(&sleepers.words[0], memory_order_relaxed);
    for (unsigned i = 0; i < WORKERS; i++) {
        uint64_t one = 1;
        if ((bits >> i & 1) && inbox_claim_wake(&workers[i].inbox))
            REQUIRE(write(workers[i].wake, &one, sizeof(one)) == sizeof(one), "eventfd");
    }
}

/* The first of `count` sequences, as the hub claims them: only if all inboxes have room. */
static uint64_t claim(unsigned count)
{
    uint64_t first = atomic_load_explicit(&next_sequence, memory_order_relaxed);

    for (;;) {
        bool room = true;
        for (unsigned i = 0; i < WORKERS; i++)
            room = room && inbox_has_room(&workers[i].inbox, first, count);
        if (!room) {
            sched_yield();
            first = atomic_load_explicit(&next_sequence, memory_order_relaxed);
            continue;
        }
        if (atomic_compare_exchange_weak_explicit(&next_sequence, &first, first + count,
                                                  memory_order_relaxed, memory_order_relaxed))
            return first;
    }
}

static void *publisher_run(void *argument)
{
    unsigned publisher = (unsigned)(uintptr_t)argument;
    unsigned seed = 77 + publisher;
    struct event event = {.channel = TEXT("stress"), .data = TEXT("x"), .retry_ms = -1};

    for (unsigned number = 0; number < events_each;) {
        struct frame *frames[BATCH_MAX];
        unsigned count = 1 + (unsigned)rand_r(&seed) % BATCH_MAX;
        if (count > events_each - number)
            count = events_each - number;
        for (unsigned i = 0; i < count; i++, number++) {
            /* The hash is only carried along, so it can carry who and which. */
            REQUIRE(frame_new(&event, (uint64_t)publisher << 32 | number, &frames[i]) == 0,
                    "frame");
            for (unsigned w = 1; w < WORKERS; w++)
                frame_ref(frames[i]);
        }
        uint64_t first = claim(count);
        if (rand_r(&seed) % 64 == 0)
            sched_yield(); /* Others overtake between claim and store. */
        for (unsigned i = 0; i < count; i++)
            frame_stamp(frames[i], &ids, first + i);
        for (unsigned i = 0; i < count; i++)
            conveyor_put(&conveyor, first + i, frames[i]);
        wake_all();
    }
    return NULL;
}

/* One event at a time, the next one when all have it: nobody else's wake-up can stand in for a lost
 * one. */
static void lone_run(void)
{
    struct event event = {.channel = TEXT("stress"), .data = TEXT("x"), .retry_ms = -1};

    for (unsigned number = 0; number < lone_events; number++) {
        struct frame *frame;
        REQUIRE(frame_new(&event, (uint64_t)PUBLISHERS << 32 | number, &frame) == 0, "frame");
        for (unsigned w = 1; w < WORKERS; w++)
            frame_ref(frame);
        uint64_t sequence = claim(1);
        frame_stamp(frame, &ids, sequence);
        conveyor_put(&conveyor, sequence, frame);
        wake_all();
        for (unsigned w = 0; w < WORKERS; w++)
            while (!inbox_has_room(&workers[w].inbox, sequence + 1, SLOTS))
                sched_yield();
    }
}

static void *poster_run(void *argument)
{
    unsigned poster = (unsigned)(uintptr_t)argument;

    for (unsigned number = 0; number < notes_each; number++) {
        for (unsigned w = 0; w < WORKERS; w++) {
            struct note *note = malloc(sizeof(*note));
            REQUIRE(note, "out of memory");
            *note = (struct note){.poster = poster, .number = number};
            inbox_post(&workers[w].inbox, &note->message);
        }
        wake_all();
        if (number % 16 == 0)
            sched_yield();
    }
    return NULL;
}

static void take_notes(struct worker *worker)
{
    struct message *message = inbox_take_messages(&worker->inbox);

    while (message) {
        struct note *note = (struct note *)message;
        message = message->next;
        REQUIRE(note->number == worker->next_note[note->poster], "poster %u: note %u, wanted %u",
                note->poster, note->number, worker->next_note[note->poster]);
        worker->next_note[note->poster]++;
        worker->ended += note->number + 1 == notes_each;
        free(note);
    }
}

static void worker_wait(struct worker *worker)
{
    struct pollfd ready = {.fd = worker->wake, .events = POLLIN};
    uint64_t count;

    /* The moment in which a wake-up could be lost, made longer. */
    if (worker->waits++ % 4 == 0)
        sched_yield();
    if (!inbox_park(&worker->inbox))
        return;
    worker->parks++;
    REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "a wake-up was lost at position %llu of %llu",
            (unsigned long long)inbox_position(&worker->inbox),
            (unsigned long long)atomic_load(&next_sequence));
    REQUIRE(read(worker->wake, &count, sizeof(count)) == sizeof(count), "eventfd");
    inbox_unpark(&worker->inbox);
}

static void *worker_run(void *argument)
{
    struct worker *worker = argument;
    uint64_t position = 1, end = 1 + (uint64_t)events_each * PUBLISHERS + lone_events;
    unsigned seed = 7;

    while (position < end || worker->ended < POSTERS) {
        struct frame *frames[32];
        unsigned count = inbox_take(&worker->inbox, frames, 1 + (unsigned)rand_r(&seed) % 32);
        for (unsigned i = 0; i < count; i++, position++) {
            unsigned publisher = (unsigned)(frames[i]->channel_hash >> 32);
            uint32_t number = (uint32_t)frames[i]->channel_hash;
            REQUIRE(frames[i]->sequence == position, "sequence %llu, wanted %llu",
                    (unsigned long long)frames[i]->sequence, (unsigned long long)position);
            REQUIRE(number == worker->next[publisher], "publisher %u: %u, wanted %u", publisher,
                    number, worker->next[publisher]);
            worker->next[publisher]++;
            frame_unref(frames[i]);
        }
        REQUIRE(inbox_position(&worker->inbox) == position, "position");
        take_notes(worker);
        if (count == 0 && (position < end || worker->ended < POSTERS))
            worker_wait(worker);
    }
    return NULL;
}

int main(void)
{
    ids_init(&ids, 0xabcdef, NULL);
    pthread_t threads[WORKERS + PUBLISHERS + POSTERS];
    unsigned count = 0;

    events_each = CHECK_SANITIZED ? 20000 : 100000;
    notes_each = events_each / 10;
    lone_events = notes_each;
    REQUIRE(conveyor_init(&conveyor, SLOTS) == 0, "conveyor_init");
    for (unsigned i = 0; i < WORKERS; i++) {
        inbox_init(&workers[i].inbox, &conveyor, &sleepers, i);
        workers[i].wake = eventfd(0, EFD_CLOEXEC);
        REQUIRE(workers[i].wake >= 0, "eventfd");
    }
    int64_t start = check_now_ms();
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_create(&threads[count++], NULL, worker_run, &workers[i]);
    for (uintptr_t i = 0; i < PUBLISHERS; i++)
        pthread_create(&threads[count++], NULL, publisher_run, (void *)i);
    for (uintptr_t i = 0; i < POSTERS; i++)
        pthread_create(&threads[count++], NULL, poster_run, (void *)i);
    for (unsigned i = WORKERS; i < count; i++)
        pthread_join(threads[i], NULL);
    lone_run();
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < WORKERS; i++) {
        printf("worker %u: %u events, parked %llu times\n", i,
               events_each * PUBLISHERS + lone_events, (unsigned long long)workers[i].parks);
        inbox_deinit(&workers[i].inbox);
        close(workers[i].wake);
    }
    conveyor_deinit(&conveyor);
    printf("ok inbox (%lld ms)\n", (long long)(check_now_ms() - start));
    return check_end();
}
