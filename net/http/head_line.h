/* SPDX-License-Identifier: MIT */
/*
 * Head lines that come from outside and are to stand in the head of an answer of ours: which of
 * them may.
 *
 * Refused is what would end the line or the head, what says how long the answer is or when the
 * connection ends, and what the server says itself, for no client knows which of two lines holds.
 * Pure; any thread.
 */
#pragma once

#include "engine/base/base.h"

/* "NAME: VALUE" into its parts, the value without white space around. NULL; else what is wrong, the
 * rest of a sentence, static. Both parts lie in `line`. */
const char *head_line_read(struct text line, struct text *ret_name, struct text *ret_value);
/* The same for a line that is to stand in an answer. */
const char *head_line_check(struct text line, struct text *ret_name, struct text *ret_value);
/* The same where whoever gives the line has read the request itself, and says which pages may see
 * the answer, since the server does not know whose it is. */
const char *head_line_check_program(struct text line, struct text *ret_name,
                                    struct text *ret_value);
/* The same for all lines of an answer whose body is somebody else's, each ended by CRLF: how that
 * is encoded and kept is theirs to say. */
const char *head_line_check_reply(struct text lines);
