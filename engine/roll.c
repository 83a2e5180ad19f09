/* SPDX-License-Identifier: MIT */
/* Counts the workers of each channel: see roll.h. */
#include "engine/roll.h"

#include <errno.h>

void roll_init(struct roll *roll, _Atomic uint64_t *record_bytes)
{
    *roll = (struct roll){.record_bytes = record_bytes};
    for (unsigned i = 0; i < ROLL_PARTS; i++)
        pthread_mutex_init(&roll->parts[i].lock, NULL);
}

void roll_deinit(struct roll *roll)
{
    for (unsigned i = 0; i < ROLL_PARTS; i++) {
        map_deinit(&roll->parts[i].workers);
        pthread_mutex_destroy(&roll->parts[i].lock);
    }
}

/* Locked. The map takes its places from the low bits. */
static struct roll_part *part_of(struct roll *roll, uint64_t hash)
{
    struct roll_part *part = &roll->parts[hash >> (64 - ROLL_PART_BITS)];
    pthread_mutex_lock(&part->lock);
    return part;
}

static void leave_part(struct roll *roll, struct roll_part *part, size_t before)
{
    size_t now = map_memory(&part->workers);
    if (now != before)
        atomic_fetch_add_explicit(roll->record_bytes, now - before, memory_order_relaxed);
    pthread_mutex_unlock(&part->lock);
}

int roll_sign_in(struct roll *roll, uint64_t hash)
{
    struct roll_part *part = part_of(roll, hash);
    size_t before = map_memory(&part->workers);
    uint64_t *workers = map_insert(&part->workers, hash);
    if (workers && ++*workers == 1)
        atomic_fetch_add_explicit(&roll->names, 1, memory_order_relaxed);
    leave_part(roll, part, before);
    return workers ? 0 : -ENOMEM;
}

void roll_sign_out(struct roll *roll, uint64_t hash)
{
    struct roll_part *part = part_of(roll, hash);
    size_t before = map_memory(&part->workers);
    uint64_t *workers = map_find(&part->workers, hash);
    CHECK(workers && *workers > 0);
    if (--*workers == 0) {
        map_remove(&part->workers, hash);
        atomic_fetch_sub_explicit(&roll->names, 1, memory_order_relaxed);
    }
    leave_part(roll, part, before);
}

size_t roll_memory(struct roll *roll)
{
    size_t memory = 0;
    for (unsigned i = 0; i < ROLL_PARTS; i++) {
        pthread_mutex_lock(&roll->parts[i].lock);
        memory += map_memory(&roll->parts[i].workers);
        pthread_mutex_unlock(&roll->parts[i].lock);
    }
    return memory;
}
