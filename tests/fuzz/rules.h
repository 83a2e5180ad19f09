/* SPDX-License-Identifier: MIT */
/*
 * The rules of docs/formats.md for text, ids and events, a second time: written for the tests, as
 * plainly as can be, so that the engine's faster ones have something to be compared with.
 *
 * Pure; called by the fuzz targets only.
 */
#pragma once

#include <stdbool.h>

#include "engine/frame.h"

/* Valid UTF-8 (RFC 3629) without NUL. */
bool rules_is_text(struct text text);
/* Neither ASCII nor Latin-1 control characters; of valid text. */
bool rules_has_controls(struct text text);
bool rules_is_channel(struct text channel);
/* A publisher's own id that is not empty. */
bool rules_is_given_id(struct text id);
/* Our own form; then fills both. */
bool rules_is_our_id(struct text id, uint64_t *ret_epoch, uint64_t *ret_sequence);
/* All of what may be published. */
bool rules_is_event(const struct event *event);
/* What subscribers are told of a publisher's retry: an hour at most. */
int64_t rules_retry_ms(int64_t retry_ms);
/* Digits at its start as a number, and what follows them; the text need not end in a NUL. */
uint64_t rules_number(struct text text, struct text *ret_rest);
/* The text with each CR, CRLF and LF as one LF. `out` has room for text.len bytes. */
struct text rules_normalise(struct text text, char *out);
