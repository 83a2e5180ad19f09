/* SPDX-License-Identifier: MIT */
/*
 * Reads a file of keys or tokens whole, at the start and at a reload: the only thing in this room
 * that touches a file. What was read is wiped when it is given up.
 *
 * Blocks as long as the file does: the main thread only.
 */
#pragma once

#include "engine/base/base.h"

struct secret {
    char *bytes; /* owned */
    size_t len;
};

/* 0, or a negative errno with one sentence: what is longer than SECRET_FILE_BYTES_MAX, empty or a
 * folder is refused. The sentence names the path and nothing that is in the file. */
MUST_USE int secret_file_read(const char *path, struct secret *ret_secret, char *error,
                              size_t error_size);
void secret_deinit(struct secret *secret);
