/* SPDX-License-Identifier: MIT */
/*
 * Adds 1 to an eventfd, from any thread, as a step that is done or not begun.
 *
 * Threads of whoever embeds the engine publish and subscribe, and may be cancelled. write(2) of the
 * C library is a place where that happens: with a lock taken, or with some of the workers told and
 * others not. The system call itself is no such place.
 */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void wake_add(int eventfd)
{
    uint64_t one = 1;
    /* Fails only when 2^64 wakes are pending, and then whoever waits is awake anyway. */
    long written = syscall(SYS_write, eventfd, &one, sizeof(one));
    (void)written;
}
