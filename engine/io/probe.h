/* SPDX-License-Identifier: MIT */
/*
 * The probe that chooses between the backends: whether io_uring works on this machine.
 *
 * It uses the very flags the worker uses: a full, a short and a refused send on a socketpair must
 * be reported as the contract in io.h says, and a removed socket must be closed. Any thread; it
 * leaves nothing behind.
 */
#pragma once

#include "engine/base/base.h"

/* 0 if it works, else the negative errno that says why not; -EOPNOTSUPP: the kernel is older than
 * 6.13 and keeps removed sockets open. */
MUST_USE int probe_io_uring(void);
