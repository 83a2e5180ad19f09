/* SPDX-License-Identifier: MIT */
/*
 * What allocations really take, for those who count memory, and what malloc keeps beside them.
 *
 * glibc has a heap for each thread. What one of them freed is of no use to another, and goes back
 * to the system only from its end: a server that first kept many small records and then few large
 * events would be resident with both. Any thread.
 */
#pragma once

#include <stddef.h>

/* Of `size` bytes from malloc (glibc): a word of its own, in steps of 16, at least 32. None: 0. */
static inline size_t heap_bytes(size_t size)
{
    if (size == 0)
        return 0;
    return size < 24 ? 32 : (size + 8 + 15) & ~(size_t)15;
}

/* Bytes of this process that are resident; 0: the kernel does not say. Some microseconds. */
size_t heap_resident(void);
/* Gives back all whole pages that are free. As long as there are many free pieces: milliseconds. */
void heap_trim(void);
