/* SPDX-License-Identifier: MIT */
/*
 * Input for parser tests that ends right before an unmapped page: a parser that reads one byte too
 * many dies at once, in every build.
 */
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/base.h"

static inline size_t guard_size(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (len / page + 2) * page;
}

/* A copy that may be written to; its `at` is valid even if it is empty. Give it to guard_free. */
static inline struct text guard_new(struct text text)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = guard_size(text.len);
    char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    CHECK(mprotect(map + size - page, page, PROT_NONE) == 0);
    char *at = map + size - page - text.len;
    if (text.len)
        memcpy(at, text.at, text.len);
    return (struct text){at, text.len};
}

static inline void guard_free(struct text text)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = guard_size(text.len);
    CHECK(munmap((char *)text.at + text.len + page - size, size) == 0);
}
