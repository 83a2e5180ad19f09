/* SPDX-License-Identifier: MIT */
/*
 * How this room says what is wrong with something that somebody configured: one plain sentence for
 * a person, without a line end, and -EINVAL.
 *
 * Whoever calls puts the option's name in front. What is secret has no place in it.
 */
#pragma once

#include "engine/base/base.h"

/* Writes the sentence and returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int objection_say(char *error, size_t error_size,
                                                        const char *format, ...);
