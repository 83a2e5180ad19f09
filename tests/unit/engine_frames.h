/* SPDX-License-Identifier: MIT */
/* Stamped frames for tests of the engine's modules, with one reference each. */
#pragma once

#include <criterion/criterion.h>

#include "engine/frame.h"

static inline struct frame *frame_make(uint64_t channel_hash, const char *id, uint64_t sequence)
{
    struct event event = {
        .channel = TEXT("channel"), .id = text_of(id), .data = TEXT("data"), .retry_ms = -1};
    struct ids ids;
    ids_init(&ids, 1, NULL);
    struct frame *frame = NULL;
    cr_assert_eq(frame_new(&event, channel_hash, &frame), 0);
    frame_stamp(frame, &ids, sequence);
    return frame;
}
