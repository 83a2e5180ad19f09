/* SPDX-License-Identifier: MIT */
/*
 * Text of strangers, made fit for a terminal: what would steer it (control characters of ASCII and
 * of U+0080 to U+009F, bytes that are no UTF-8) or turn the direction of reading (bidi marks and
 * overrides, which make a line show what it does not say) is written as \xNN or \uNNNN. All other
 * text stays as it is.
 *
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* Reads one character of `text`, which is not empty: how many bytes it has, and whether it must be
 * escaped. *ret_code is its code, or -1 for a byte that is no UTF-8. */
size_t terminal_character(struct text text, int32_t *ret_code, bool *ret_steers);

/* Writes the text so to a stream; a tab stays a tab, and with `lines` a line feed stays one. */
void terminal_write(FILE *out, struct text text, bool lines);
/* The same into memory, always ended by a NUL; what does not fit is left out by whole characters.
 * Returns the length. */
size_t terminal_copy(char *out, size_t out_size, struct text text);
