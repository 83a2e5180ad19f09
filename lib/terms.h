/* SPDX-License-Identifier: MIT */
/*
 * What an engine runs on: a copy of the options as they were set, and the settings made of them,
 * which borrow its texts. Immutable once made; whoever holds it frees it when nothing borrows from
 * it any more.
 */
#pragma once

#include "lib/staged.h"

struct terms {
    struct staged texts;
    struct settings settings;
};

/* 0; -EINVAL with a sentence in `error`; -ENOMEM. */
MUST_USE int terms_new(const struct staged *staged, struct terms **ret_terms, char *error,
                       size_t error_size);
/* Takes NULL; returns NULL. */
struct terms *terms_free(struct terms *terms);
