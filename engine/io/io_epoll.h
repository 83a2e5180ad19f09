/* SPDX-License-Identifier: MIT */
/*
 * The epoll backend, which works everywhere: an epoll set per worker. See io_epoll.c.
 */
#pragma once

#include "engine/io/io.h"

/* On the thread that will use it. `sockets` is the most it will hold. */
MUST_USE int io_epoll_open(uint32_t sockets, struct io **ret_io);
