/* SPDX-License-Identifier: MIT */
/*
 * A system call that is forbidden, as container runtimes forbid some: by seccomp, for the thread
 * that calls and what it starts, and for good. For children that end, therefore.
 */
#pragma once

#include <stdbool.h>

/* From now on this call fails with this error; all others are allowed. False: the kernel does not
 * let us. */
bool ban_call(unsigned call, int error);
