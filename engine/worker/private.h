/* SPDX-License-Identifier: MIT */
/*
 * Events for one subscriber alone: those that wait for its sends, in a queue beside its record, by
 * index, which is there only while there are any (SUBSCRIBER_PRIVATE says so).
 *
 * Each has a place in the subscriber's stream: behind everything that its worker had taken when it
 * came, before everything after that (`before`, a number of the one order). They are in no history
 * and have no id, so a stream that breaks loses those that were not sent.
 *
 * States of one: waiting -> in a send of the batch -> gone, when it is sent or begun (a begun frame
 * is the subscriber's own), else waiting again. So none is sent twice, and they keep their order.
 * Who may have one says steer.c, the sends are catch_up.c's, what became of them says batch.c.
 * Bounded by PRIVATE_EVENTS_MAX and PRIVATE_BYTES_MAX. The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

struct private_event {
    struct private_event *next;
    struct frame *frame;
    uint64_t before;
};

/* 0, or -ENOMEM: there is no address space. */
MUST_USE int private_init(struct worker *worker);
void private_deinit(struct worker *worker);

enum { PRIVATE_FULL = 1 };
/* Takes the frame, on 0 alone. PRIVATE_FULL: so many wait already; -ENOMEM. */
MUST_USE int private_add(struct worker *worker, uint32_t index, struct frame *frame);
/* Of one that has a queue: the first that waits. */
struct private_event *private_first(const struct worker *worker, uint32_t index);
/* The first so many are sent, or begun. True: those were all, and the queue is gone. */
bool private_sent(struct worker *worker, uint32_t index, uint32_t count);
/* All of them go with their subscriber. */
void private_drop(struct worker *worker, uint32_t index);
