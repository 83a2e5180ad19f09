/* SPDX-License-Identifier: MIT */
/*
 * A waiter: one thread that publishes and may have to wait for room, with the eventfd it waits on.
 *
 * Plain data, embedded by whoever waits; flow.c has the list of them, hub.h says how one waits.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct hub_waiter {
    int eventfd;
    _Atomic bool armed; /* pairs: the waiter's fence after arming with flow_wake's */
    struct hub_waiter *next;
};
