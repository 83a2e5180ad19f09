/* SPDX-License-Identifier: MIT */
/*
 * Reads the data of a `fanfare-gap` event, strictly: the fields of docs/formats.md in their
 * order, as JSON. The strings' escapes are undone in place of their own (`texts`).
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct gap_text {
    char reason[16];
    struct text channel, from, to;
    bool has_from;
    int64_t missed; /* -1: null */
    char texts[3][600];
};

bool gap_text_parse(struct gap_text *gap, struct text data);
