/* SPDX-License-Identifier: MIT */
/*
 * The journal from several threads: streams come and go, requests are told, and one thread reads.
 * Each fact is read once or counted as lost, a stream's join in front of its leave, and nothing is
 * left of them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "net/journal.h"
#include "tests/e2e/check.h"

enum { TELLERS = 3, ROUNDS = 30000 };

static struct journal *journal;
static _Atomic unsigned tellers;
static uint64_t facts, out_of_order;
static uint8_t joined[(TELLERS + 1) * ROUNDS]; /* by subscriber */

static void *teller(void *argument)
{
    unsigned base = *(unsigned *)argument * ROUNDS;
    struct address peer = {.family = ADDRESS_UNIX};
    struct fact fact = {.kind = FACT_REQUEST, .path = TEXT("/path")};
    for (unsigned i = 0; i < check_scaled(ROUNDS); i++) {
        struct journal_seat *seat;
        struct text channel = TEXT("channel");
        CHECK(journal_seat_new(journal, &peer, &channel, 1, 503, &seat) == 0);
        seat_taken(journal_seat_of(seat), &(struct seat_begin){.subscriber = base + i});
        journal_tell(journal, &fact);
        seat_leave(journal_seat_of(seat), &(struct seat_end){.reason = CLOSE_GONE, .cursor = i});
    }
    atomic_fetch_sub(&tellers, 1);
    return NULL;
}

static bool take(void *context, const struct fact *fact)
{
    (void)context;
    facts++;
    if (fact->kind == FACT_JOIN)
        joined[fact->subscriber]++;
    else if (fact->kind == FACT_LEAVE)
        out_of_order += joined[fact->subscriber] != 1;
    return true;
}

static void case_journal(void)
{
    struct hub_options options;
    struct hub *hub;
    pthread_t threads[TELLERS];
    unsigned numbers[TELLERS] = {0, 1, 2};
    uint64_t lost = 0;
    hub_options_default(&options);
    options.workers = 1;
    REQUIRE(hub_new(&options, &hub) == 0, "out of memory");
    journal = journal_new(hub);
    REQUIRE(journal, "out of memory");
    atomic_store(&tellers, TELLERS);
    for (unsigned i = 0; i < TELLERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, teller, &numbers[i]) == 0, "no thread");
    while (atomic_load(&tellers) > 0) {
        journal_await(journal, 1);
        CHECK(journal_read(journal, take, NULL));
        lost += journal_take_lost(journal);
    }
    for (unsigned i = 0; i < TELLERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(journal_read(journal, take, NULL));
    lost += journal_take_lost(journal);
    EXPECT_INT(facts + lost, 3ll * TELLERS * check_scaled(ROUNDS));
    EXPECT(out_of_order <= lost, "%llu leaves without a join, %llu lost",
           (unsigned long long)out_of_order, (unsigned long long)lost);
    EXPECT(facts > 0, "all were lost");
    journal_end(journal);
    struct stats stats;
    hub_stats(hub, &stats);
    EXPECT_INT(stats.memory_connections, 0);
    hub_free(hub);
}

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    check_case("journal", case_journal);
    return check_end();
}
