/* SPDX-License-Identifier: MIT */
/*
 * How a subscriber stands: what it lacks, for how long, and what its socket takes, as said to who
 * looks at it. Only where subscribers have ids. The worker's thread alone, while nothing is queued.
 */
#pragma once

#include "engine/worker/subscriber.h"

struct standing {
    uint64_t behind;      /* events that it lacks, those that it is to be told are gone included */
    bool behind_is_least; /* and perhaps some more, that are forgotten */
    bool is_blocked, is_slow;
    uint32_t lagging_ms; /* 0: it does not lag */
    uint32_t window_ms;
    uint64_t window_bytes;
};

void standing_of(const struct worker *worker, struct subscriber *subscriber,
                 struct standing *ret_standing);
