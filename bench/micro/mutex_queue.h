/* SPDX-License-Identifier: MIT */
/*
 * What the inbox is held against: the plain bounded queue one would write instead, a ring behind a
 * mutex with two conditions. It is no straw man: the lock is held for a few lines, the consumer
 * takes many at once, and nobody is signalled who does not wait.
 *
 * The sequence is given out under the lock, which makes it one order; frames come from a pool,
 * found by their sequence, as in the bench of the inbox. Any thread puts, one thread takes.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "engine/frame.h"

struct mutex_queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    struct frame **ring;
    uint32_t mask;
    uint64_t next, taken;
    unsigned waiting_producers;
    bool consumer_waits;
    uint64_t sleeps; /* of the consumer */
};

/* `slots` is a power of two. 0 or -ENOMEM. */
MUST_USE int mutex_queue_init(struct mutex_queue *queue, uint32_t slots);
void mutex_queue_deinit(struct mutex_queue *queue);

/* Waits for room; the frame that `frame_of` names for the sequence is stamped and stored. */
void mutex_queue_put(struct mutex_queue *queue, struct frame *(*frame_of)(uint64_t sequence));
/* Waits until there is something; at least 1, at most `max`. */
unsigned mutex_queue_take(struct mutex_queue *queue, struct frame **frames, unsigned max);
