/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend: one ring per worker, made on its thread. See io_uring.c, and probe.h for
 * whether it works here.
 */
#pragma once

#include "engine/io/io.h"

/* On the thread that will use it. `sockets` is the most it will hold. */
MUST_USE int io_uring_open(uint32_t sockets, struct io **ret_io);
