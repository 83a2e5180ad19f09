/* SPDX-License-Identifier: MIT */
/*
 * Workers ask each other whether anybody waits for a channel: a member that has everything while
 * the channel is held. Each knows its own members only, and all who wait may be elsewhere.
 *
 * A question is open for INQUIRY_MS after it was asked last; whoever asks again sees whether one of
 * the others has answered since. An answer may be missed and is then given again: workers look at
 * the open questions with each tick. No order, no lock; any worker's thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/limits.h"

struct inquiry {
    _Atomic uint64_t hash; /* of the channel; 0: free */
    _Atomic uint32_t asked_ms;
    _Atomic uint64_t answer; /* the hash's low half, and when: an old one answers nothing new */
};

struct inquiries {
    _Atomic uint32_t asked_ms; /* the latest of all, so that who is not asked looks at one word */
    struct inquiry open[INQUIRIES_MAX];
};

/* Asks, and says whether somebody has said yes lately. */
bool inquiry_ask(struct inquiries *inquiries, uint64_t hash, uint32_t now_ms);
/* The hash of the next open question from *index on, which it leaves behind it; 0: no more. */
uint64_t inquiry_next(struct inquiries *inquiries, uint32_t now_ms, uint32_t *index);
/* Yes to the question that inquiry_next has just given. */
void inquiry_answer(struct inquiries *inquiries, uint64_t hash, uint32_t now_ms, uint32_t index);
