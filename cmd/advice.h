/* SPDX-License-Identifier: MIT */
/*
 * What a person can do about an error of the kernel while the server starts: a clause to stand
 * behind strerror. Pure; main thread.
 */
#pragma once

#include <stdbool.h>

/* "; raise ...", or "" where nothing is known. `ring`: it was io_uring that was asked for. */
const char *advice_starting(int error, bool ring);
/* The same for a log file that cannot be opened. */
const char *advice_log(int error);
