/* SPDX-License-Identifier: MIT */
/* Reasons' words: see reason.h. */
#include "engine/reason.h"

const char *reason_text(enum close_reason reason)
{
    switch (reason) {
    case CLOSE_NONE:
        return "none";
#define X(name, counter, word)                                                                     \
    case name:                                                                                     \
        return word;
        CLOSE_REASONS(X)
#undef X
    case CLOSE_REFUSED:
        return "refused";
    }
    return "none";
}
