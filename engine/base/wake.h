/* SPDX-License-Identifier: MIT */
/*
 * Adds 1 to an eventfd or empties it, ends a sleep on a word, or closes a descriptor, from any
 * thread, as a step that is done or not begun.
 *
 * Threads of whoever embeds the engine publish and subscribe, and may be cancelled. write(2) of the
 * C library is a place where that happens, and so are read(2) and close(2): with a lock taken, with
 * some of the workers told and others not, or behind a step that the caller then never hears of.
 * The system call itself is no such place.
 */
#pragma once

#include <pthread.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline void wake_add(int eventfd)
{
    uint64_t one = 1;
    /* Fails only when 2^64 wakes are pending, and then whoever waits is awake anyway. */
    long written = syscall(SYS_write, eventfd, &one, sizeof(one));
    (void)written;
}

/* What was added to an eventfd that does not block; there may be nothing. */
static inline void wake_take(int eventfd)
{
    uint64_t count;
    long taken = syscall(SYS_read, eventfd, &count, sizeof(count));
    (void)taken;
}

/* By its own name, so that ThreadSanitizer knows whose the number is afterwards. */
static inline void descriptor_close(int fd)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    close(fd);
    pthread_setcancelstate(before, &before);
}

/* Sleeps while the word has this value, until that time (clock_ns) at the latest, or for no reason:
 * the caller looks again. Of this process alone. */
static inline void futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};
    long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
                     until_ns == INT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
    (void)r;
}

/* Whoever sleeps on the word, which has another value by now. */
static inline void futex_wake(_Atomic uint32_t *word)
{
    long woken =
        syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, NULL, NULL, 0);
    (void)woken;
}
