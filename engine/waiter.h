/* SPDX-License-Identifier: MIT */
/*
 * A waiter: one publisher that may have to wait for room, and what tells it that there may be some.
 *
 * With an eventfd it is told by that, for loops that wait for more than room. Without one it is a
 * thread that sleeps (hub_waiter_sleep) on `armed` itself, and takes no descriptor to do so.
 *
 * Plain data, embedded by whoever waits; flow.c has the list of them, hub.h says how one waits.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Instead of an eventfd. */
#define HUB_WAITER_SLEEPS (-1)

struct hub_waiter {
    int eventfd;
    _Atomic uint32_t armed; /* 0 or 1. Pairs: the fence after arming with flow_wake's */
    struct hub_waiter *next;
};
