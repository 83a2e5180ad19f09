/* SPDX-License-Identifier: MIT */
/*
 * The clock: CLOCK_MONOTONIC in nanoseconds, which never goes back and does not know the time of
 * day. It is a function of its own, so that a simulation can put its own in the place of it.
 */
#pragma once

#include <stdint.h>

int64_t clock_ns(void);
/* The same as of the kernel's last tick, some milliseconds ago, for a fifth of the price. */
int64_t clock_coarse_ns(void);
/* For how long the calling thread was ready to run and had no processor, ever. 0: the kernel does
 * not say (no /proc, no scheduler statistics). Opens a file: about once a second is often enough.
 */
int64_t clock_waited_ns(void);
