/* SPDX-License-Identifier: MIT */
/*
 * Opens a file to be appended to, of the log or of the access log. Any thread.
 */
#pragma once

#include "engine/base/base.h"

/* A descriptor that never blocks, or a negative errno. A new file has the mode 0640.
 *
 * A link in the file's place is followed only if it is ours or root's (/dev/stderr is one): what
 * anybody may put into a shared directory must not choose the file that we write to. A link of ours
 * there cannot be replaced by others between the look and the opening. */
MUST_USE int log_file_open(const char *path);
