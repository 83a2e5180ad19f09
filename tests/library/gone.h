/* SPDX-License-Identifier: MIT */
/*
 * Memory that is gone: the n-th allocation fails, and no other one.
 *
 * The program is linked from the library's own objects, with its calls of malloc and its kin sent
 * through here (--wrap); what foreign libraries allocate is not counted. One order at a time.
 */
#pragma once

#include <stdbool.h>

enum gone_where { GONE_HERE, GONE_ANYWHERE }; /* in the thread that orders it, or in any */

/* From now on the n-th one fails, from 1 on. */
void gone_begin(enum gone_where where, unsigned n);
/* Nothing fails any more. True: one did. */
bool gone_end(void);
