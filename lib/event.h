/* SPDX-License-Identifier: MIT */
/*
 * A caller's event as the engine's, and the engine's faults as results of fanfare.h.
 *
 * The rule for structs with a size: what the library does not know of must be 0, so that an old
 * library never ignores what a new program asks for. Pure; any thread.
 */
#pragma once

#include "engine/frame.h"
#include "fanfare.h"

/* How large a caller says that its struct is, which begins with that, and of which `known` bytes
 * are ours. 0; -EINVAL: it is too small, or NULL, or no size; -E2BIG: larger than any ever. */
MUST_USE int struct_size(const void *given, size_t known, size_t *ret_size);
/* Of a struct that begins with its size, of which `known` bytes are ours. 0; -EINVAL: it is too
 * small, or NULL; -E2BIG: it asks for something that this library does not know. */
MUST_USE int struct_check(const void *given, size_t known);

/* Text as callers give it: with a length, or up to its NUL. */
static inline struct text text_given(const char *at, size_t len)
{
    return (struct text){at, len == FANFARE_NUL ? (at ? strlen(at) : 0) : len};
}

/* Borrows its texts, and checks nothing that frame_new does. 0, what struct_check says, -EINVAL,
 * FANFARE_ERROR_RETRY. */
MUST_USE int event_read(const struct fanfare_event *given, struct event *ret_event);

/* The result that says it: 0 for FRAME_OK. */
int event_error(enum frame_fault fault);
