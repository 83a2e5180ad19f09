/* SPDX-License-Identifier: MIT */
/* See arena.h. */
#include "engine/worker/arena.h"

#include <errno.h>

int arena_init(struct arena *arena, uint32_t bytes, uint32_t parts)
{
    *arena = (struct arena){.bytes = malloc(bytes),
                            .parts = malloc(parts * sizeof(*arena->parts)),
                            .bytes_size = bytes,
                            .parts_size = parts};
    return arena->bytes && arena->parts ? 0 : -ENOMEM;
}

void arena_deinit(struct arena *arena)
{
    free(arena->bytes);
    free(arena->parts);
}
