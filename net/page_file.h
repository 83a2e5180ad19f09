/* SPDX-License-Identifier: MIT */
/*
 * The page that the operator has in place of the live page (--page): a file that is read whole, at
 * the start and at a reload, and served from memory. Its type is what the ending of its name says.
 *
 * Immutable once it was read. Any thread.
 */
#pragma once

#include "engine/base/base.h"

struct page_file {
    const char *content_type; /* static */
    char *bytes;              /* NULL: there is none */
    size_t len;
};

/* 0, -ENOMEM, or another negative errno with one sentence in `error`: it cannot be read, is no
 * file, or is longer than PAGE_BYTES_MAX. To be given to page_file_deinit. */
MUST_USE int page_file_read(const char *path, struct page_file *ret_file, char *error,
                            size_t error_size);
void page_file_deinit(struct page_file *file);
