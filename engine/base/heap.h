/* SPDX-License-Identifier: MIT */
/* What an allocation really takes, for those who count memory. */
#pragma once

#include <stddef.h>

/* Of `size` bytes from malloc (glibc): a word of its own, in steps of 16, at least 32. None: 0. */
static inline size_t heap_bytes(size_t size)
{
    if (size == 0)
        return 0;
    return size < 24 ? 32 : (size + 8 + 15) & ~(size_t)15;
}
