/* SPDX-License-Identifier: MIT */
/*
 * Who is slow: the windows of those that lag, and the verdict at their ends. The rule: see lag.c.
 *
 * subscriber.c says when a subscriber begins and ceases to lag. The worker's thread alone.
 */
#pragma once

#include <stdbool.h>

struct worker;

/* A slice of what is due; true if more of it is. */
bool lag_check(struct worker *worker);
/* Tells other workers which of the channels they ask for somebody waits for here. */
void lag_answer(struct worker *worker);
