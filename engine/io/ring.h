/* SPDX-License-Identifier: MIT */
/*
 * A ring as the io_uring backend wants it: its flags and size, and how entries are given to the
 * kernel whatever it answers. It knows nothing of sockets. All of it on the thread that opens it.
 */
#pragma once

#include <liburing.h>

#include "engine/base/base.h"

/* Smaller where RLIMIT_MEMLOCK leaves no room for a whole one. A negative errno otherwise; -EINVAL:
 * the kernel is older than 6.1. */
MUST_USE int ring_open(struct io_uring *ring);
/* Gives every queued entry to the kernel and runs deferred work. */
MUST_USE int ring_submit(struct io_uring *ring);
/* Nothing to give to the kernel, and no deferred work or overflown completions that it has flagged:
 * a look would find nothing. */
bool ring_is_quiet(const struct io_uring *ring);
