/* SPDX-License-Identifier: MIT */
/* Wraps of what allocates: see gone.h. */
#include "tests/library/gone.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Thread_local unsigned here; /* allocations until one fails; 0: none will */
static _Atomic unsigned anywhere;
static _Atomic bool hit;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void *__real_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset);

static bool is_hit(void)
{
    unsigned left = atomic_load(&anywhere);
    bool is = here > 0 && --here == 0;
    while (left > 0 && !atomic_compare_exchange_weak(&anywhere, &left, left - 1))
        ;
    is |= left == 1;
    if (is) {
        atomic_store(&hit, true);
        errno = ENOMEM;
    }
    return is;
}

void gone_begin(enum gone_where where, unsigned n)
{
    atomic_store(&hit, false);
    if (where == GONE_HERE)
        here = n;
    else
        atomic_store(&anywhere, n);
}

bool gone_end(void)
{
    here = 0;
    atomic_store(&anywhere, 0);
    return atomic_load(&hit);
}

void *__wrap_malloc(size_t size)
{
    return is_hit() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_hit() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return is_hit() ? NULL : __real_realloc(at, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_hit() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return is_hit() ? NULL : __real_strdup(text);
}

void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return is_hit() ? MAP_FAILED : __real_mmap64(at, len, protection, flags, fd, offset);
}
