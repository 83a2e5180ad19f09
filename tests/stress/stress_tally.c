/* SPDX-License-Identifier: MIT */
/*
 * The tally from several threads: acceptors take seats and hand them to threads that leave them.
 * No name ever has more than its cap, and at the end none is left.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "net/tally.h"
#include "tests/e2e/check.h"

enum { TAKERS = 3, LEAVERS = 2, NAMES = 8, MOST = 3, ROUNDS = 40000 };

static struct tally *tally;
static _Atomic unsigned taken[NAMES]; /* that this test knows of: up after, down before */
static _Atomic(struct held *) waiting;
static _Atomic unsigned takers;
static _Atomic unsigned refused, above; /* a name had more than its cap */

struct held {
    struct held *next;
    struct seat *seat;
    unsigned names[2];
};

static void push(struct held *held)
{
    held->next = atomic_load(&waiting);
    while (!atomic_compare_exchange_weak(&waiting, &held->next, held))
        ;
}

static void leave_all(void)
{
    struct held *held = atomic_exchange(&waiting, NULL);
    while (held) {
        struct held *next = held->next;
        for (unsigned i = 0; i < 2; i++)
            atomic_fetch_sub(&taken[held->names[i]], 1);
        seat_refuse(held->seat);
        free(held);
        held = next;
    }
}

static void *taker(void *argument)
{
    unsigned state = *(unsigned *)argument;
    for (unsigned i = 0; i < check_scaled(ROUNDS); i++) {
        struct tally_seat *seat;
        struct held *held = malloc(sizeof(*held));
        CHECK(held && tally_seat_new(tally, 2, &seat) == 0);
        unsigned known = 0;
        int r = 0;
        for (; known < 2 && !r; known += !r) {
            state = state * 1103515245 + 12345;
            held->names[known] = (state >> 16) % NAMES;
            char name = (char)('a' + held->names[known]);
            r = tally_take(seat, TALLY_CHANNEL, (struct text){&name, 1}, MOST);
        }
        if (r) {
            CHECK(r == TALLY_FULL);
            seat_refuse(tally_seat_of(seat));
            free(held);
            atomic_fetch_add(&refused, 1);
            continue;
        }
        held->seat = tally_seat_of(seat);
        for (unsigned j = 0; j < 2; j++) {
            if (atomic_fetch_add(&taken[held->names[j]], 1) >= MOST)
                atomic_fetch_add(&above, 1);
        }
        push(held);
    }
    atomic_fetch_sub(&takers, 1);
    return NULL;
}

static void *leaver(void *argument)
{
    (void)argument;
    while (atomic_load(&takers) > 0)
        leave_all();
    return NULL;
}

static void case_tally(void)
{
    struct hub_options options;
    struct hub *hub;
    pthread_t threads[TAKERS + LEAVERS];
    unsigned seeds[TAKERS] = {1, 2, 3};
    hub_options_default(&options);
    options.workers = 1;
    REQUIRE(hub_new(&options, &hub) == 0, "out of memory");
    tally = tally_new(hub);
    REQUIRE(tally, "out of memory");
    atomic_store(&takers, TAKERS);
    for (unsigned i = 0; i < TAKERS + LEAVERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, i < TAKERS ? taker : leaver,
                               i < TAKERS ? &seeds[i] : NULL) == 0,
                "no thread");
    for (unsigned i = 0; i < TAKERS + LEAVERS; i++)
        pthread_join(threads[i], NULL);
    leave_all();
    EXPECT_INT(tally_names(tally), 0);
    EXPECT_INT(above, 0);
    EXPECT(refused > 0, "nobody was refused");
    tally_unref(tally);
    struct stats stats;
    hub_stats(hub, &stats);
    EXPECT_INT(stats.memory_connections, 0);
    hub_free(hub);
}

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    check_case("tally", case_tally);
    return check_end();
}
