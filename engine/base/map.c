/* SPDX-License-Identifier: MIT */
/* Linear probing with backward-shift deletion: see map.h. */
#include "engine/base/map.h"

#define MAP_CELLS_MIN 16u

static uint64_t key_of(uint64_t key)
{
    return key ? key : 1;
}

/* The cell of the key, or the empty cell where it would go. */
static uint32_t probe(const struct map *map, uint64_t key)
{
    uint32_t at = (uint32_t)key & map->mask;
    while (map->cells[at].key && map->cells[at].key != key)
        at = (at + 1) & map->mask;
    return at;
}

uint64_t *map_find(const struct map *map, uint64_t key)
{
    if (!map->cells)
        return NULL;
    struct map_cell *cell = &map->cells[probe(map, key_of(key))];
    return cell->key ? &cell->value : NULL;
}

static int map_resize(struct map *map, uint32_t cells)
{
    struct map larger = {
        .cells = calloc(cells, sizeof(*larger.cells)), .mask = cells - 1, .count = map->count};
    if (!larger.cells)
        return -1;
    for (uint32_t i = 0; map->cells && i <= map->mask; i++)
        if (map->cells[i].key)
            larger.cells[probe(&larger, map->cells[i].key)] = map->cells[i];
    free(map->cells);
    *map = larger;
    return 0;
}

uint64_t *map_insert(struct map *map, uint64_t key)
{
    uint64_t *found = map_find(map, key);
    if (found)
        return found;
    /* At most three quarters full, so that probes stay short and always end. */
    if (!map->cells || (map->count + 1) > (map->mask + 1) / 4 * 3) {
        uint32_t cells = map->cells ? (map->mask + 1) * 2 : MAP_CELLS_MIN;
        if (map_resize(map, cells))
            return NULL;
    }
    struct map_cell *cell = &map->cells[probe(map, key_of(key))];
    *cell = (struct map_cell){.key = key_of(key)};
    map->count++;
    return &cell->value;
}

void map_remove(struct map *map, uint64_t key)
{
    if (!map->cells)
        return;
    uint32_t hole = probe(map, key_of(key));
    if (!map->cells[hole].key)
        return;
    map->count--;
    /* Close the hole with every later cell of the run that may move there. */
    for (uint32_t at = (hole + 1) & map->mask; map->cells[at].key; at = (at + 1) & map->mask) {
        uint32_t home = (uint32_t)map->cells[at].key & map->mask;
        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->cells[hole] = map->cells[at];
            hole = at;
        }
    }
    map->cells[hole] = (struct map_cell){0};
    /* Far from full it gives half back; without memory for that it stays as it is. */
    if (map->mask >= MAP_CELLS_MIN && map->count < (map->mask + 1) / 8)
        (void)map_resize(map, (map->mask + 1) / 2);
}

void map_deinit(struct map *map)
{
    free(map->cells);
    *map = (struct map){0};
}
