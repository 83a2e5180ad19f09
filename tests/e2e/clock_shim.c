/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD whose wall clock is mad: CLOCK_REALTIME, gettimeofday and time jump by
 * up to 100 hours, forward and back, at each call. CLOCK_MONOTONIC and the others are left alone.
 * For tests of programs that must not measure time with a clock that people and NTP set. Any
 * thread.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define JUMP_S (100 * 3600)

#define SHOWN __attribute__((visibility("default")))

SHOWN int clock_gettime(clockid_t clock, struct timespec *ret_time);
SHOWN int gettimeofday(struct timeval *restrict ret_time, void *restrict zone);
SHOWN time_t time(time_t *ret_time);

/* A sequence without end that visits both directions; from Knuth, The Art of Computer Programming
 * (MMIX). */
static long jump(void)
{
    static _Atomic uint64_t state;
    uint64_t word = atomic_fetch_add(&state, 1) * 6364136223846793005u + 1442695040888963407u;

    return (long)((word >> 33) % (2u * JUMP_S)) - JUMP_S;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    long r = syscall(SYS_clock_gettime, clock, ret_time);

    if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret_time->tv_sec += jump();
    return (int)r;
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    ret_time->tv_sec = now.tv_sec;
    ret_time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret_time)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}
