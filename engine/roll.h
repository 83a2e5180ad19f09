/* SPDX-License-Identifier: MIT */
/*
 * The roll: which channels there are over all workers, each once, so that their number can be said.
 *
 * Each worker has records of its own. One that makes a record signs in for its channel, and signs
 * out when the record goes or its name is free again; never for an event. A channel is known by its
 * 64-bit hash alone: what a chance of one in 10^8 among a million makes alike counts as one.
 *
 * Locks: 64, each around a part of the table, taken for some 50 ns by workers. A hub with one
 * worker has none: its own number is the number.
 */
#pragma once

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "engine/base/map.h"

#define ROLL_PART_BITS 6
#define ROLL_PARTS     (1u << ROLL_PART_BITS)

struct roll {
    _Atomic uint64_t names;
    _Atomic uint64_t *record_bytes; /* what holds what is held here, too */
    struct roll_part {
        alignas(64) pthread_mutex_t lock;
        struct map workers; /* channel hash -> how many workers have it */
    } parts[ROLL_PARTS];
};

void roll_init(struct roll *roll, _Atomic uint64_t *record_bytes);
void roll_deinit(struct roll *roll);

/* -ENOMEM: it is not signed in. */
MUST_USE int roll_sign_in(struct roll *roll, uint64_t hash);
void roll_sign_out(struct roll *roll, uint64_t hash);

/* How many channels there are. */
static inline uint64_t roll_names(const struct roll *roll)
{
    return atomic_load_explicit(&roll->names, memory_order_relaxed);
}
/* Bytes that it holds. */
size_t roll_memory(struct roll *roll);
