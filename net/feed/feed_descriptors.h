/* SPDX-License-Identifier: MIT */
/*
 * The descriptors that came over a feed and wait for the block that they belong to.
 *
 * A descriptor belongs to the block of which a byte carried it. The kernel ends a read right behind
 * the bytes that carried one, so it is the block's that ends next behind the last descriptor before
 * it: blocks and descriptors pair first in, first out. Where a block ends at which a descriptor's
 * bytes had all been read, and that did not take it, it has no block: it is stale.
 *
 * Places are counts of bytes that were read on the feed. Each descriptor here is ours, and is given
 * away by _take, or closed. Belongs to the feed's thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/limits.h"

struct feed_descriptors {
    unsigned count;
    int fds[DESCRIPTORS_MAX];
    uint64_t until[DESCRIPTORS_MAX]; /* the place behind the read that it came with */
};

/* So many, behind the others, have come in front of `fds` + count with a read that ends here. */
void feed_descriptors_add(struct feed_descriptors *descriptors, unsigned count, uint64_t until);
/* Where the next ones are to be put, and how many. */
static inline int *feed_descriptors_room(struct feed_descriptors *descriptors, unsigned *ret_room)
{
    *ret_room = DESCRIPTORS_MAX - descriptors->count;
    return descriptors->fds + descriptors->count;
}
/* The first one, for a block that has ended; -1: none. */
MUST_USE int feed_descriptors_take(struct feed_descriptors *descriptors);
/* A block has ended here: closes who is stale. How many. */
unsigned feed_descriptors_expire(struct feed_descriptors *descriptors, uint64_t end);
void feed_descriptors_close(struct feed_descriptors *descriptors);
