/* SPDX-License-Identifier: MIT */
/*
 * Catching up: sends of a subscriber's own, for whoever cannot share a sweep's run. See catch_up.c.
 * The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

/* 0 or -ENOMEM; catch_up_deinit either way. */
MUST_USE int catch_up_init(struct worker *worker);
void catch_up_deinit(struct worker *worker);
/* Before each catch_up_send: there is room for it, if need be because the batch was submitted. */
void catch_up_make_room(struct worker *worker);
/* Sends the subscriber what it lacks, about CATCH_UP_BYTES at most: how much was queued. */
uint32_t catch_up_send(struct worker *worker, struct subscriber *subscriber);
/* Serves some of those that wait for it; true if there were any. */
bool catch_up_some(struct worker *worker);
