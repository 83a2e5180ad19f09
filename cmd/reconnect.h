/* SPDX-License-Identifier: MIT */
/*
 * How long a client waits before it connects again: what the server told, but never less than a
 * floor, twice as long with each attempt in vain up to a ceiling, and always a little more than
 * that, each client by another amount, so that a crowd does not come back in one moment.
 *
 * Pure; sub's and pub's thread.
 */
#pragma once

#include <stdint.h>

enum {
    RECONNECT_MS_FIRST = 2000, /* until a server tells another */
    RECONNECT_MS_LEAST = 250,  /* `retry: 0` would be thousands of connections a second */
    RECONNECT_MS_MOST = 30000, /* of the doubling; what a server tells may be longer */
};

/* `in_vain`: attempts since the last one that worked, this one included; `random` any number. */
uint32_t reconnect_wait_ms(uint32_t told_ms, unsigned in_vain, uint32_t random);
/* A number for it. */
uint32_t reconnect_random(void);
