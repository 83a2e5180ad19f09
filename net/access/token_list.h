/* SPDX-License-Identifier: MIT */
/*
 * Tokens that are nothing but known: a list of them, one a line, from a file.
 *
 * Only their digests are kept. Looking one up digests it and compares that with all of the list,
 * each in the same time whatever is in it: how long it takes says how many tokens there are and how
 * long the asked one is, and nothing else.
 *
 * Immutable and shared by reference count. Pure but for the memory that it holds and
 * the file that is read; any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct token_list;

/* Lines that are empty or begin with # are skipped. 0, -ENOMEM, or -EINVAL with the rest of a
 * sentence that begins with the file: a line that no header could carry, none at all, or more than
 * TOKEN_LIST_MAX. */
MUST_USE int token_list_new(struct text text, struct token_list **ret_list, char *error,
                            size_t error_size);
/* The same of a file's text. 0, or a negative errno with one sentence that names the file. Blocks
 * as long as the file does. */
MUST_USE int token_list_read(const char *path, struct token_list **ret_list, char *error,
                             size_t error_size);
struct token_list *token_list_ref(struct token_list *list);
/* Takes NULL; returns NULL. */
struct token_list *token_list_unref(struct token_list *list);

/* True if the token is one of them. NULL is a list of none. */
bool token_list_has(const struct token_list *list, struct text token);
