/* SPDX-License-Identifier: MIT */
/* See target.h. Counts the bytes that a run has tried, and says so when it ends in order. */
#include "tests/fuzz/target.h"

static uint64_t byte_count;

struct text text_of_input(const uint8_t *bytes, size_t len)
{
    byte_count += len;
    return (struct text){(const char *)bytes, len};
}

__attribute__((destructor)) static void tell(void)
{
    fprintf(stderr, "fuzz: bytes %llu\n", (unsigned long long)byte_count);
}
