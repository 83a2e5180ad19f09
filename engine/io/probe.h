/* SPDX-License-Identifier: MIT */
/*
 * The probe that chooses between the backends: whether one keeps the contract on this machine.
 *
 * It asks the kernel for what the worker will ask, never for its version: a full, a short and a
 * refused send on a socketpair must be reported as io.h says, and a removed socket must be closed
 * while another one stays. Any thread; it leaves nothing behind.
 */
#pragma once

#include "engine/io/io.h"

/* Of the backend that `open` makes: 0 if it does, else the negative errno that says why not;
 * -EOPNOTSUPP: it keeps removed sockets open. */
MUST_USE int probe_io(int (*open)(uint32_t sockets, struct io **ret_io));
