/* SPDX-License-Identifier: MIT */
/*
 * The null backend of the I/O seam: every send is taken whole at once and nothing is looked at, so
 * that what a bench measures above it is the worker's own cost and nothing of a kernel's.
 *
 * Sockets are made-up numbers. There are no events: nobody hangs up and no socket is ever full. The
 * clock is clock_ns with `ahead_ns` added, by which a bench lets time pass. It keeps none of the
 * contract's promises beyond that; tests/sim/io_sim.c is the backend that checks the worker.
 *
 * Owner: the one thread of the bench.
 */
#pragma once

#include "engine/io/io.h"

struct io_null {
    struct io io; /* first */
    int64_t ahead_ns;
    uint64_t sends;
    uint64_t bytes;
};

/* 0 or -ENOMEM. Freed by the backend's close. */
MUST_USE int io_null_open(struct io_null **ret_io);
