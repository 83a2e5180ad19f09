/* SPDX-License-Identifier: MIT */
/*
 * A gate: many threads go in and out, until one shuts it and waits for those that are inside.
 *
 * For calls that must not end half way on something that is about to stop: whoever got in before it
 * was shut has left again when gate_shut returns, and nobody gets in after.
 *
 * One word: how many are inside, and whether it is shut. The count and the mark change in the same
 * atomic, so who enters either is counted by gate_shut or sees the mark; no fence is needed beside.
 * Entering is an acquire and leaving a release, which is a release sequence through the others'
 * additions: what was done inside is seen by whoever gate_shut returns to. Shut, the count only
 * falls, so exactly one leaver is the last, and tells.
 *
 * Nobody waits but gate_shut, and it only for what those inside do there; they must not wait
 * themselves, nor be ended there (a cancellation point would do that).
 */
#pragma once

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"

#define GATE_SHUT UINT32_C(0x80000000)

struct gate {
    _Atomic uint32_t word; /* how many are inside, and GATE_SHUT */
    sem_t empty;           /* the last one has left */
};

void gate_init(struct gate *gate);
void gate_deinit(struct gate *gate);

/* Any thread. False: it is shut, and nothing is to be left. */
MUST_USE static inline bool gate_enter(struct gate *gate)
{
    uint32_t word = atomic_load_explicit(&gate->word, memory_order_relaxed);
    do {
        if (word & GATE_SHUT)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&gate->word, &word, word + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

static inline void gate_leave(struct gate *gate)
{
    uint32_t word = atomic_fetch_sub_explicit(&gate->word, 1, memory_order_acq_rel);
    if (__builtin_expect(word == (GATE_SHUT | 1), 0))
        sem_post(&gate->empty);
}

/* Once. */
void gate_shut(struct gate *gate);
