/* SPDX-License-Identifier: MIT */
/* The hash table against a plain array that does the same, most of all deletion within long runs.
 */
#include <criterion/criterion.h>

#include "engine/base/map.h"

#define KEYS 96u

/* Keys that share few home cells, so that runs are long, overlap and wrap around the table's end.
 */
static uint64_t key_at(uint32_t index)
{
    return (uint64_t)(index + 1) << 32 | (index % 3 ? 0xfffffffeu + index % 2 : index % 5);
}

struct model {
    bool present[KEYS];
    uint64_t value[KEYS];
    uint32_t count;
};

static void expect_same(const struct map *map, const struct model *model)
{
    cr_assert_eq(map->count, model->count);
    for (uint32_t i = 0; i < KEYS; i++) {
        const uint64_t *value = map_find(map, key_at(i));
        cr_assert_eq(value != NULL, model->present[i], "key %u", i);
        if (value)
            cr_assert_eq(*value, model->value[i], "key %u", i);
    }
}

static uint32_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

Test(map, random_operations_agree_with_a_model)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct map map = {0};
        struct model model = {0};
        uint64_t random = seed;
        for (uint32_t step = 0; step < 3000; step++) {
            uint32_t i = random_next(&random) % KEYS;
            /* Phases that mostly fill and phases that mostly empty the table. */
            bool insert = random_next(&random) % 4 < (step / 300 % 2 ? 1u : 3u);
            if (insert) {
                uint64_t *value = map_insert(&map, key_at(i));
                cr_assert(value);
                if (!model.present[i])
                    cr_assert_eq(*value, 0, "a new value is 0");
                *value = model.value[i] = step + 1;
            } else {
                map_remove(&map, key_at(i));
                model.value[i] = 0;
            }
            model.count += (uint32_t)insert - (uint32_t)model.present[i];
            model.present[i] = insert;
            expect_same(&map, &model);
        }
        map_deinit(&map);
    }
}

Test(map, every_deletion_order_within_a_run)
{
    static const uint8_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
    for (size_t order = 0; order < sizeof(orders) / sizeof(orders[0]); order++) {
        struct map map = {0};
        /* Homes 14, 14, 15 and 0 of 16 cells: the run wraps, and its last cell is away from home.
         */
        static const uint64_t keys[] = {0x1e, 0x2e, 0x3f, 0x40};
        for (uint32_t i = 0; i < 4; i++)
            *map_insert(&map, keys[i]) = i + 1;
        for (uint32_t gone = 0; gone < 4; gone++) {
            map_remove(&map, keys[orders[order][gone]]);
            for (uint32_t i = gone + 1; i < 4; i++) {
                uint32_t left = orders[order][i];
                uint64_t *value = map_find(&map, keys[left]);
                cr_assert(value && *value == left + 1, "order %zu: key %u after %u", order, left,
                          gone);
            }
        }
        cr_expect_eq(map.count, 0);
        map_deinit(&map);
    }
}

Test(map, the_hash_0_is_a_key_like_any_other)
{
    struct map map = {0};
    cr_expect_null(map_find(&map, 0));
    map_remove(&map, 0);
    *map_insert(&map, 0) = 7;
    cr_expect_eq(map.count, 1);
    cr_expect_eq(*map_find(&map, 0), 7);
    cr_expect_eq(map_find(&map, 1), map_find(&map, 0), "stored as 1; users resolve collisions");
    map_remove(&map, 0);
    cr_expect_null(map_find(&map, 0));
    cr_expect_eq(map.count, 0);
    map_deinit(&map);
}

Test(map, keeps_all_while_it_grows)
{
    struct map map = {0};
    for (uint64_t key = 1; key <= 10000; key++)
        *map_insert(&map, key * 0x9e3779b97f4a7c15u) = key;
    for (uint64_t key = 1; key <= 10000; key++) {
        uint64_t *value = map_find(&map, key * 0x9e3779b97f4a7c15u);
        cr_assert(value && *value == key);
    }
    cr_expect_eq(map.count, 10000);
    cr_expect_null(map_find(&map, 3));
    map_deinit(&map);
    cr_expect_null(map_find(&map, 0x9e3779b97f4a7c15u));
}
