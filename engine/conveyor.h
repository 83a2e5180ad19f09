/* SPDX-License-Identifier: MIT */
/*
 * The conveyor: one slot for each number, through which every event reaches all workers. It is the
 * part that the inboxes of a hub have in common; each has its own place in it (engine/inbox.h).
 *
 * A publisher stores an event once, however many workers there are, and the workers only read it:
 * their copies of a line stay valid until the next lap, and nothing is written back to empty a
 * slot. Whether a slot holds the event of a number is told by the lap in the address's low bits:
 * the slots of one lap, and of those long before and after it, look different, so that "not stored
 * yet" is whatever an earlier lap has left.
 *
 *   put    any publisher, once for a number that it has claimed, while every inbox had room for it
 *   at     any worker: the frame, or NULL: it is not stored yet
 *
 * Eight laps have marks of their own. A worker waits for a number while the slot holds the lap
 * before or nothing, and no slot is written again before every worker has passed it, so one apart
 * would do.
 *
 * The memory ordering is argued line by line in docs/architecture.md.
 */
#pragma once

#include <stdatomic.h>

#include "engine/base/base.h"
#include "engine/frame.h"

struct conveyor {
    /* Constant after init. */
    _Atomic uintptr_t *slots; /* a frame's address, with its lap; 0: nothing yet */
    uint32_t mask;
    uint32_t shift; /* from a number to its lap */
};

/* Frames come from malloc, whose addresses leave so many bits free. */
#define CONVEYOR_LAP_MASK ((uintptr_t)15)

/* `slots` is a power of two. 0 or -ENOMEM. */
MUST_USE int conveyor_init(struct conveyor *conveyor, uint32_t slots);
/* What nobody took is its inboxes' to release, before. */
void conveyor_deinit(struct conveyor *conveyor);

/* Never 0, which is an empty slot's. */
static inline uintptr_t conveyor_lap(const struct conveyor *conveyor, uint64_t number)
{
    return (uintptr_t)(number >> conveyor->shift & 7) | 8;
}

static inline void conveyor_put(struct conveyor *conveyor, uint64_t number, struct frame *frame)
{
    uintptr_t address = (uintptr_t)frame;
    DCHECK((address & CONVEYOR_LAP_MASK) == 0);
    /* Release: pairs with the acquire of conveyor_at; the frame's stamp comes before it. */
    atomic_store_explicit(&conveyor->slots[number & conveyor->mask],
                          address | conveyor_lap(conveyor, number), memory_order_release);
}

/* NULL: it is not stored yet. */
static inline struct frame *conveyor_at(const struct conveyor *conveyor, uint64_t number)
{
    uintptr_t word =
        atomic_load_explicit(&conveyor->slots[number & conveyor->mask], memory_order_acquire);
    if ((word & CONVEYOR_LAP_MASK) != conveyor_lap(conveyor, number))
        return NULL;
    return (struct frame *)(word & ~CONVEYOR_LAP_MASK); // NOLINT(performance-no-int-to-ptr)
}
