/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend, in two variants: one ring per worker, made on its thread. See io_uring.c,
 * and probe.h for which of them works here.
 */
#pragma once

#include "engine/io/io.h"

/* On the thread that will use it. `sockets` is the most it will hold. The first registers them,
 * which before Linux 6.13 keeps those open that were removed; the second works since 6.1, and each
 * socket takes a descriptor of the process. */
MUST_USE int io_uring_open(uint32_t sockets, struct io **ret_io);
MUST_USE int io_uring_compat_open(uint32_t sockets, struct io **ret_io);
