/* SPDX-License-Identifier: MIT */
/*
 * Options as they were set, by name and text: what fanfare_set gathers until fanfare_start or
 * fanfare_apply makes settings of it.
 *
 * Each text is checked when it is set, by its own row; what takes two rows is checked when settings
 * are made, all at once. Settings borrow the texts, so whoever runs with them keeps the copy they
 * were made of. The owner's thread alone.
 */
#pragma once

#include "lib/options.h"

struct staged {
    char **texts[ROWS_MAX]; /* by the row's index; owned */
    unsigned counts[ROWS_MAX];
};

/* One more text of a list, or the text of what is none; NULL: the default again. 0; -EINVAL with a
 * sentence in `error`; -E2BIG: the list is full; -ENOMEM. On an error nothing has changed. */
MUST_USE int staged_set(struct staged *staged, unsigned index, const char *text, char *error,
                        size_t error_size);
/* 0, or -ENOMEM: then it is empty. */
MUST_USE int staged_copy(struct staged *ret_staged, const struct staged *from);
/* Frees the texts; all is as nobody had set anything. */
void staged_deinit(struct staged *staged);
/* 0, or -EINVAL with a sentence in `error`. */
MUST_USE int staged_make(const struct staged *staged, struct settings *ret_settings, char *error,
                         size_t error_size);
