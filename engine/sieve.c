/* SPDX-License-Identifier: MIT */
/* Counts of hashes that anybody may read: see sieve.h. */
#include "engine/sieve.h"

#include "engine/base/heap.h"
#include "engine/mutation.h"

#define PLACES_FIRST 4096u
#define PLACES_MOST  (1u << 28)
#define FOR_EACH     8u /* places to a member */

static struct sieve_table *own(const struct sieve *sieve)
{
    return atomic_load_explicit(&sieve->table, memory_order_relaxed);
}

bool sieve_is_narrow(const struct sieve *sieve, uint32_t members)
{
    const struct sieve_table *table = own(sieve);
    return !table || (table->mask < PLACES_MOST - 1 && members >= table->mask / FOR_EACH);
}

struct sieve_table *sieve_table_new(const struct sieve *sieve)
{
    const struct sieve_table *older = own(sieve);
    uint32_t places = older ? 4 * (older->mask + 1) : PLACES_FIRST;
    struct sieve_table *table = calloc(1, sizeof(*table) + places);
    if (table)
        table->mask = places - 1;
    return table;
}

void sieve_table_add(struct sieve_table *table, uint64_t hash)
{
    _Atomic uint8_t *place = sieve_place(table, hash);
    uint8_t count = atomic_load_explicit(place, memory_order_relaxed);
    if (count < UINT8_MAX && !MUTATION(sieve_forgets))
        atomic_store_explicit(place, (uint8_t)(count + 1), memory_order_relaxed);
    atomic_fetch_add_explicit(&table->members, 1, memory_order_relaxed);
}

void sieve_use(struct sieve *sieve, struct sieve_table *table)
{
    table->older = own(sieve);
    atomic_store_explicit(&sieve->table, table, memory_order_release);
}

void sieve_deinit(struct sieve *sieve)
{
    struct sieve_table *table = own(sieve);
    while (table) {
        struct sieve_table *older = table->older;
        free(table);
        table = older;
    }
    atomic_store_explicit(&sieve->table, NULL, memory_order_relaxed);
}

size_t sieve_memory(const struct sieve *sieve)
{
    size_t memory = 0;
    for (const struct sieve_table *table = own(sieve); table; table = table->older)
        memory += heap_bytes(sizeof(*table) + table->mask + 1);
    return memory;
}

void sieve_add(struct sieve *sieve, uint64_t hash)
{
    struct sieve_table *table = own(sieve);
    if (table)
        sieve_table_add(table, hash);
}

void sieve_remove(struct sieve *sieve, uint64_t hash)
{
    struct sieve_table *table = own(sieve);
    if (!table)
        return;
    _Atomic uint8_t *place = sieve_place(table, hash);
    uint8_t count = atomic_load_explicit(place, memory_order_relaxed);
    CHECK(count > 0 || MUTATION(sieve_forgets));
    if (count > 0 && count < UINT8_MAX)
        atomic_store_explicit(place, (uint8_t)(count - 1), memory_order_relaxed);
    atomic_fetch_sub_explicit(&table->members, 1, memory_order_relaxed);
}
