/* SPDX-License-Identifier: MIT */
/*
 * A headcount: how many subscribers the channels of some events have, asked when they have been
 * published (engine/census.h), for the later answer to a pending request.
 *
 * Made before the events are published, whose frames are nobody's to read after that. From
 * headcount_ask on it belongs to the workers, then to the acceptor's mailbox, which frees it. The
 * acceptor's thread alone.
 */
#pragma once

#include "engine/hub.h"
#include "net/service.h"

struct headcount;

/* NULL: out of memory. */
MUST_USE struct headcount *headcount_new(struct service *service, struct frame *const *frames,
                                         unsigned count);
/* Takes NULL; returns NULL. */
struct headcount *headcount_free(struct headcount *headcount);
size_t headcount_memory(const struct headcount *headcount);

/* The answer is for the pending request of this id. 0, or -ESHUTDOWN, and it is still the
 * caller's. */
MUST_USE int headcount_ask(struct headcount *headcount, uint64_t id);
/* Of an answer to such a request: of the channel of the index-th frame. */
uint64_t headcount_at(const struct pending_answer *answer, unsigned index);
