/* SPDX-License-Identifier: MIT */
/*
 * Slots: how long those who cannot be had now are to wait, so that they come back one after the
 * other and not all at once.
 *
 * A slot is a place in a queue. Two of them are as far apart as the server needs for one client at
 * the rate at which it was measured to accept, so a crowd that was refused together comes back over
 * as long as taking it will last. The rate is the best tenth of a second of the last one or two
 * minutes in which somebody was accepted: less than what could be done where nobody hurried, so it
 * has a lower bound (SLOTS_RATE_MIN). The queue has an end (SLOTS_SPREAD_MS_MAX), after which slots
 * are given twice.
 *
 * Pure: the caller says what time it is, and the same calls give the same slots. One for each
 * thread that accepts and refuses; it belongs to that thread.
 */
#pragma once

#include <stdint.h>

struct slots {
    int64_t window_ns;          /* when the tenth of a second under way began; 0: none has */
    int64_t minute_ns;          /* likewise, the minute */
    uint32_t accepted;          /* in that window */
    uint32_t best, best_before; /* windows of this minute and of the one before it */
    int64_t next_ns;            /* the next slot */
};

/* One more was accepted. */
void slots_accept(struct slots *slots, int64_t now_ns);
/* Clients a second, within the bounds. */
uint32_t slots_rate(const struct slots *slots);
/* The next slot: milliseconds from now, at least `least_ms`. */
uint32_t slots_take(struct slots *slots, int64_t now_ns, uint32_t least_ms);
