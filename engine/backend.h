/* SPDX-License-Identifier: MIT */
/*
 * Which backend the workers get: what was asked for, what the probe finds, and what both are called
 * at the start. Chosen once, before a worker runs, on the thread that starts the hub; constant from
 * then on.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/options.h"

struct io;

struct backend {
    int (*open)(uint32_t sockets, struct io **ret_io);
    bool takes_descriptors; /* each socket one of this process, none is in a ring's file table */
    char name[96];          /* and why: "epoll (io_uring: Operation not permitted)" */
};

/* 0, or why there is none; with IO_AUTO there is one always. */
MUST_USE int backend_choose(enum io_choice choice, struct backend *ret_backend);
/* The one that always works, instead of a ring that the workers could not be started with. False:
 * it was no ring. */
bool backend_fall_back(struct backend *backend, int r);
/* strerror, in better words where there are any. Static text. */
const char *backend_error(int r);
