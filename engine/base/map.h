/* SPDX-License-Identifier: MIT */
/*
 * A hash table from a 64-bit hash to a 64-bit value: open addressing, no tombstones.
 *
 * The keys are hashes already (engine/base/hash.h), so the table does not hash again and does not
 * know what was hashed: its users resolve collisions of the whole 64 bits. One owner thread.
 */
#pragma once

#include "engine/base/base.h"
#include "engine/base/heap.h"

struct map_cell {
    uint64_t key; /* 0: empty; a hash of 0 is stored as 1 */
    uint64_t value;
};

struct map {
    struct map_cell *cells;
    uint32_t mask;
    uint32_t count;
};

/* Where the value of `key` is, or NULL. Valid until the map changes. */
uint64_t *map_find(const struct map *map, uint64_t key);
/* Where the value of `key` is, a new one being 0; NULL if out of memory. */
MUST_USE uint64_t *map_insert(struct map *map, uint64_t key);
void map_remove(struct map *map, uint64_t key);
void map_deinit(struct map *map);

/* Bytes that it holds. */
static inline size_t map_memory(const struct map *map)
{
    return map->cells ? heap_bytes((map->mask + (size_t)1) * sizeof(*map->cells)) : 0;
}
