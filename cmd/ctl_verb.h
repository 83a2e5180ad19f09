/* SPDX-License-Identifier: MIT */
/*
 * What `fanfare ctl` can be told to do: the first operand, and how many stand behind it. Pure; any
 * thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

enum ctl_verb {
    CTL_CHANNELS,
    CTL_CHANNEL,
    CTL_SUBSCRIBERS,
    CTL_CLOSE,
    CTL_SEND,
    CTL_END,
    CTL_KICK,
    CTL_EXPLAIN,
    CTL_STATS,
    CTL_VERBS,
};

/* False with one sentence: there is no such verb, or it wants other words behind it. */
MUST_USE bool ctl_verb_read(const char *const *operands, unsigned count, enum ctl_verb *ret_verb,
                            char *error, size_t error_size);
