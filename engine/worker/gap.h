/* SPDX-License-Identifier: MIT */
/*
 * Told gaps: whether a subscriber lacks what history has let go, the notice that says so, and what
 * was told already. See gap.c. The worker's thread alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"

struct frame;
struct subscriber;
struct worker;

/* Why events are missing. `everywhere`: each channel lost something and nobody knows how much. */
struct gap {
    const char *reason;
    bool everywhere;
    struct text from;  /* the resume point as the client gave it; NULL: not to be repeated */
    uint64_t sequence; /* the position it stands for */
    bool all;          /* what is retained is passed over, too */
};

/* Whether events after `sequence` (and after what was told already) are gone. */
bool gap_is_due(const struct worker *worker, struct subscriber *subscriber, uint64_t sequence);
/* Whether any events after it are gone, or retained. */
bool gap_is_any(const struct worker *worker, struct subscriber *subscriber, uint64_t sequence);
/* A private frame with one gap event per channel that lost something, the last with the id of the
 * position that follows, which is the frame's sequence. NULL: no memory. */
MUST_USE struct frame *gap_frame(struct worker *worker, struct subscriber *subscriber,
                                 const struct gap *gap);
/* The notice is begun, so it will be whole: all that is evicted by now counts as told. */
void gap_was_told(const struct worker *worker, struct subscriber *subscriber);
