/* SPDX-License-Identifier: MIT */
/* Unit tests of sieves: no member is ever overlooked, and few others are taken for one. */
#include <criterion/criterion.h>

#include "engine/sieve.h"

/* As SipHash would make them, more or less. */
static uint64_t hash_of(uint64_t number)
{
    uint64_t hash = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 29;
}

static void widen(struct sieve *sieve, uint64_t members)
{
    struct sieve_table *table = sieve_table_new(sieve);
    cr_assert_not_null(table);
    for (uint64_t i = 0; i < members; i++)
        sieve_table_add(table, hash_of(i));
    sieve_use(sieve, table);
}

Test(sieve, keeps_members)
{
    enum { MEMBERS = 20000 };
    struct sieve sieve = {NULL};
    cr_expect(sieve_is_narrow(&sieve, 0));
    for (uint64_t i = 0; i < MEMBERS; i++) {
        if (sieve_is_narrow(&sieve, (uint32_t)i))
            widen(&sieve, i);
        sieve_add(&sieve, hash_of(i));
    }
    cr_expect_eq(sieve_table(&sieve)->members, MEMBERS);
    unsigned others = 0;
    for (uint64_t i = 0; i < MEMBERS; i++) {
        cr_expect(sieve_may_have(sieve_table(&sieve), hash_of(i)), "%llu", (unsigned long long)i);
        others += sieve_may_have(sieve_table(&sieve), hash_of(MEMBERS + i));
    }
    cr_expect_lt(others, MEMBERS / 7);
    for (uint64_t i = 0; i < MEMBERS; i++) {
        sieve_remove(&sieve, hash_of(i));
        cr_assert(i + 1 == MEMBERS || sieve_may_have(sieve_table(&sieve), hash_of(i + 1)));
    }
    cr_expect_eq(sieve_table(&sieve)->members, 0);
    for (uint64_t i = 0; i < MEMBERS; i++)
        cr_assert_not(sieve_may_have(sieve_table(&sieve), hash_of(i)));
    cr_expect_gt(sieve_memory(&sieve), MEMBERS);
    sieve_deinit(&sieve);
    cr_expect_eq(sieve_memory(&sieve), 0);
}

/* More on one place than can be counted: none of them is overlooked when others go. */
Test(sieve, a_full_count_stays)
{
    struct sieve sieve = {NULL};
    widen(&sieve, 0);
    for (int i = 0; i < 300; i++)
        sieve_add(&sieve, hash_of(1));
    for (int i = 0; i < 299; i++)
        sieve_remove(&sieve, hash_of(1));
    cr_expect(sieve_may_have(sieve_table(&sieve), hash_of(1)));
    sieve_remove(&sieve, hash_of(1));
    cr_expect_eq(sieve_table(&sieve)->members, 0);
    sieve_deinit(&sieve);
}

/* A map keeps a hash of 0 as 1 (engine/base/map.h). */
Test(sieve, nought_and_one_are_the_same)
{
    struct sieve sieve = {NULL};
    widen(&sieve, 0);
    sieve_add(&sieve, 0);
    cr_expect(sieve_may_have(sieve_table(&sieve), 1));
    sieve_remove(&sieve, 1);
    cr_expect_not(sieve_may_have(sieve_table(&sieve), 0));
    sieve_deinit(&sieve);
}
