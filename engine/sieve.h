/* SPDX-License-Identifier: MIT */
/*
 * A sieve: says of a hash, without a lock, that it is surely not in a set, or that it may be.
 *
 * For each place it counts the members whose hashes fall there. A count that has reached its
 * maximum stays there, so no member is ever overlooked; others may be taken for one, an eighth of
 * them at most while whoever fills it keeps eight places to a member (sieve_is_narrow).
 *
 * One thread at a time changes it, under a lock of its owner's; any thread asks. What a thread sees
 * is at least what happened before its question, and the owner's argument has to do with that
 * (ledger.h). A table that was outgrown is kept until the end, since somebody may be reading it:
 * all of them together are a third of the last one.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"

struct sieve_table {
    struct sieve_table *older;
    uint32_t mask;
    _Atomic uint32_t members;
    _Atomic uint8_t counts[];
};

struct sieve {
    _Atomic(struct sieve_table *) table; /* NULL: everything may be in it */
};

/* Whether `members` and one more need a larger table. The owner makes one, adds all members to it,
 * and then has it used; until that works the old one serves on. */
bool sieve_is_narrow(const struct sieve *sieve, uint32_t members);
/* Empty, and larger than that in use; NULL: no memory. */
MUST_USE struct sieve_table *sieve_table_new(const struct sieve *sieve);
void sieve_table_add(struct sieve_table *table, uint64_t hash);
void sieve_use(struct sieve *sieve, struct sieve_table *table);
void sieve_deinit(struct sieve *sieve);
/* Bytes that it holds. */
size_t sieve_memory(const struct sieve *sieve);

void sieve_add(struct sieve *sieve, uint64_t hash);
void sieve_remove(struct sieve *sieve, uint64_t hash);

static inline _Atomic uint8_t *sieve_place(struct sieve_table *table, uint64_t hash)
{
    return &table->counts[hash >> 32 & table->mask];
}

/* Acquire: the table is whole. The counts guard nothing by themselves. */
static inline struct sieve_table *sieve_table(const struct sieve *sieve)
{
    return atomic_load_explicit(&sieve->table, memory_order_acquire);
}

static inline bool sieve_may_have(struct sieve_table *table, uint64_t hash)
{
    return atomic_load_explicit(sieve_place(table, hash), memory_order_relaxed) != 0;
}
