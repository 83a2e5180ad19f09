/* SPDX-License-Identifier: MIT */
/* The slots that all inboxes of a hub read: see conveyor.h. */
#include "engine/conveyor.h"

#include <errno.h>
#include <stdalign.h>
#include <stddef.h>

static_assert(alignof(max_align_t) > CONVEYOR_LAP_MASK, "a frame's address leaves the lap's bits");

int conveyor_init(struct conveyor *conveyor, uint32_t slots)
{
    CHECK(slots && (slots & (slots - 1)) == 0);
    conveyor->slots = calloc(slots, sizeof(*conveyor->slots));
    if (!conveyor->slots)
        return -ENOMEM;
    conveyor->mask = slots - 1;
    conveyor->shift = (uint32_t)__builtin_ctz(slots);
    return 0;
}

void conveyor_deinit(struct conveyor *conveyor)
{
    free(TAKE(conveyor->slots));
}
