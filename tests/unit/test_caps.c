/* SPDX-License-Identifier: MIT */
/* The tables behind the caps: subscribers counted by name, connections by their rate. */
#include <criterion/criterion.h>

#include "engine/limits.h"
#include "net/connect_rate.h"
#include "net/tally.h"

static struct hub *hub;
static struct tally *tally;

static void set_up(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    cr_assert_eq(hub_new(&options, &hub), 0);
    tally = tally_new(hub);
    cr_assert_not_null(tally);
}

static uint64_t memory(void)
{
    struct stats stats;
    hub_stats(hub, &stats);
    return stats.memory_connections;
}

static void tear_down(void)
{
    tally_unref(tally);
    cr_expect_eq(memory(), 0);
    hub_free(hub);
}

/* A seat with these names, or NULL and what was said. */
static struct tally_seat *sit(enum tally_kind kind, const char *const *names, uint32_t most,
                              int *ret_result)
{
    struct tally_seat *seat = NULL;
    unsigned count = 0;
    while (names[count])
        count++;
    *ret_result = tally_seat_new(tally, count, &seat);
    for (unsigned i = 0; i < count && !*ret_result; i++)
        *ret_result = tally_take(seat, kind, text_of(names[i]), most);
    if (*ret_result && seat)
        seat = (struct tally_seat *)seat_refuse(tally_seat_of(seat));
    return seat;
}

#define SIT(kind, most, ...) sit(kind, (const char *const[]){__VA_ARGS__, NULL}, most, &result)

Test(tally, a_name_has_as_many_as_it_may, .init = set_up, .fini = tear_down)
{
    int result;
    struct tally_seat *first = SIT(TALLY_CHANNEL, 2, "a");
    struct tally_seat *second = SIT(TALLY_CHANNEL, 2, "a", "b");
    cr_assert(first && second);
    cr_expect_null(SIT(TALLY_CHANNEL, 2, "a"));
    cr_expect_eq(result, TALLY_FULL);
    /* What was taken in front of the one that is full is given back. */
    cr_expect_null(SIT(TALLY_CHANNEL, 2, "c", "a"));
    cr_expect_eq(tally_names(tally), 2);
    /* An address of the same bytes is another name. */
    struct tally_seat *address = SIT(TALLY_ADDRESS, 1, "a");
    cr_expect_not_null(address);
    /* A cap that was lowered refuses, and ends nobody. */
    cr_expect_null(SIT(TALLY_CHANNEL, 1, "b"));
    seat_refuse(tally_seat_of(first));
    first = SIT(TALLY_CHANNEL, 2, "a");
    cr_expect_not_null(first);
    seat_refuse(tally_seat_of(first));
    seat_refuse(tally_seat_of(second));
    seat_refuse(tally_seat_of(address));
    cr_expect_eq(tally_names(tally), 0);
}

/* Of a stream that goes on: what it took for a closed channel is free, the rest stays its own. */
Test(tally, a_closed_channel_is_given_back, .init = set_up, .fini = tear_down)
{
    int result;
    struct tally_seat *seat = SIT(TALLY_CHANNEL, 1, "a", "b", "c");
    struct seat *base = tally_seat_of(seat);
    cr_assert_not_null(seat);
    base->closed(base, TEXT("a")); /* with which its memory was counted */
    base->closed(base, TEXT("a"));
    base->closed(base, TEXT("x"));
    cr_expect_eq(tally_names(tally), 2);
    cr_expect_eq(tally_count(tally, TALLY_CHANNEL, TEXT("c")), 1);
    struct tally_seat *other = SIT(TALLY_CHANNEL, 1, "a");
    cr_expect_not_null(other);
    cr_expect_null(SIT(TALLY_CHANNEL, 1, "b"));
    base->closed(base, TEXT("b"));
    base->closed(base, TEXT("c"));
    cr_expect_eq(tally_names(tally), 1);
    seat_refuse(base);
    cr_expect_eq(tally_count(tally, TALLY_CHANNEL, TEXT("a")), 1);
    seat_refuse(tally_seat_of(other));
}

Test(tally, what_it_holds_counts_as_memory, .init = set_up, .fini = tear_down)
{
    enum { MANY = 20000 };
    static struct seat *seats[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        struct tally_seat *seat;
        char name[16];
        snprintf(name, sizeof(name), "%u", i);
        cr_assert_eq(tally_seat_new(tally, 1, &seat), 0);
        cr_assert_eq(tally_take(seat, TALLY_ADDRESS, text_of(name), 1), 0);
        seats[i] = tally_seat_of(seat);
    }
    cr_expect_eq(tally_names(tally), MANY);
    cr_expect_gt(memory(), MANY * 48);
    cr_expect_lt(memory(), MANY * 120);
    for (unsigned i = 0; i < MANY; i++)
        seat_refuse(seats[i]);
    cr_expect_eq(tally_names(tally), 0);
    cr_expect_lt(memory(), 64 * 4096 + 1);
}

/* Connections have a fourth of memory_max, and this is part of what they hold. */
Test(tally, nobody_is_seated_beyond_memory_max, .init = set_up, .fini = tear_down)
{
    struct tally_seat *seat = NULL;
    struct hub_options options;
    hub_options_default(&options);
    hub_count_memory(hub, (int64_t)options.memory_max);
    cr_expect_eq(tally_seat_new(tally, 1, &seat), HUB_NO_MEMORY);
    hub_count_memory(hub, -(int64_t)options.memory_max);
    cr_expect_eq(tally_seat_new(tally, 1, &seat), 0);
    seat_refuse(tally_seat_of(seat));
}

/* Whoever has a seat keeps the table. */
Test(tally, a_seat_outlives_the_server, .init = set_up, .fini = tear_down)
{
    int result;
    struct tally_seat *seat = SIT(TALLY_CHANNEL, 1, "a");
    tally_unref(tally);
    seat_refuse(tally_seat_of(seat));
    tally = NULL;
}

/* --- rates ----------------------------------------------------------------------------------- */

#define MS INT64_C(1000000)

static struct address numbered(uint32_t number)
{
    return address_of_bytes(ADDRESS_V4, &number);
}

/* How many of so many at once may come. */
static unsigned let_in(struct connect_rate *rate, uint32_t number, uint32_t most, int64_t now_ms,
                       unsigned count)
{
    struct address address = numbered(number);
    unsigned may = 0;
    bool forgot;
    for (unsigned i = 0; i < count; i++)
        may += connect_rate_take(rate, &address, most, now_ms * MS, &forgot);
    return may;
}

Test(connect_rate, a_burst_and_then_the_rate)
{
    struct connect_rate *rate = connect_rate_new();
    cr_assert_not_null(rate);
    cr_expect_eq(let_in(rate, 1, 10, 1000, 50), 10);
    cr_expect_eq(let_in(rate, 2, 10, 1000, 50), 10, "another one's");
    cr_expect_eq(let_in(rate, 1, 10, 1099, 5), 0);
    cr_expect_eq(let_in(rate, 1, 10, 1100, 5), 1);
    cr_expect_eq(let_in(rate, 1, 10, 1550, 50), 4);
    cr_expect_eq(let_in(rate, 1, 10, 1600, 50), 1, "halves are kept");
    cr_expect_eq(let_in(rate, 1, 10, 100000, 50), 10, "no more than a burst is saved");
    /* Another thread's clock is a little behind; and one that went round is far ahead. */
    cr_expect_eq(let_in(rate, 1, 10, 99999, 50), 0);
    cr_expect_eq(let_in(rate, 1, 10, 99999 + INT64_C(0x80000000), 50), 10);
    cr_expect_eq(let_in(rate, 3, CONNECT_RATE_MAX, 1000, 10), 10);
    connect_rate_free(rate);
}

/* However many addresses there are, whoever has used up his rate is the last to be forgotten: the
 * places are those of addresses of which one connection came. */
Test(connect_rate, a_crowd_of_addresses_forgets_the_harmless)
{
    struct connect_rate *rate = connect_rate_new();
    cr_assert_not_null(rate);
    enum { ATTACKERS = 100, CROWD = 4 * RATE_ADDRESSES };
    unsigned forgotten = 0, again = 0;
    for (unsigned i = 0; i < ATTACKERS; i++)
        cr_assert_eq(let_in(rate, i, 10, 1000, 20), 10);
    for (unsigned i = 0; i < CROWD; i++) {
        struct address address = numbered(1000 + i);
        bool forgot;
        cr_assert(connect_rate_take(rate, &address, 10, 1000 * MS, &forgot), "%u", i);
        forgotten += forgot;
    }
    for (unsigned i = 0; i < ATTACKERS; i++)
        again += let_in(rate, i, 10, 1000, 1);
    cr_expect_gt(forgotten, CROWD / 2);
    cr_expect_lt(again, ATTACKERS / 10, "%u", again);
    /* A second later all are as good as new, and nobody is forgotten who is missed. */
    struct address newcomer = numbered(7777777);
    bool forgot;
    cr_expect(connect_rate_take(rate, &newcomer, 10, 2000 * MS, &forgot));
    cr_expect_not(forgot);
    connect_rate_free(rate);
}
