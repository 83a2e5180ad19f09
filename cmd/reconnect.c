/* SPDX-License-Identifier: MIT */
/* The time between two attempts: see reconnect.h. */
#include "cmd/reconnect.h"

#include <sys/random.h>
#include <time.h>

uint32_t reconnect_wait_ms(uint32_t told_ms, unsigned in_vain, uint32_t random)
{
    uint64_t ms = told_ms < RECONNECT_MS_LEAST ? RECONNECT_MS_LEAST : told_ms;
    for (unsigned i = 1; i < in_vain && ms < RECONNECT_MS_MOST; i++)
        ms = ms * 2 < RECONNECT_MS_MOST ? ms * 2 : RECONNECT_MS_MOST;
    return (uint32_t)(ms + random % (ms / 4));
}

uint32_t reconnect_random(void)
{
    uint32_t number;
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) == (ssize_t)sizeof(number))
        return number;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_nsec;
}
