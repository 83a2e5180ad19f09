/* SPDX-License-Identifier: MIT */
/*
 * Channels of the server's own: nobody else publishes there, and no list of channels has them. They
 * are read like any other. Constants; any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* Who comes to the channel whose name follows, and goes: net/presence.h. */
#define OWN_PRESENCE "@presence/"

static inline bool channel_is_own(struct text name)
{
    return name.len >= sizeof(OWN_PRESENCE) - 1 &&
           memcmp(name.at, OWN_PRESENCE, sizeof(OWN_PRESENCE) - 1) == 0;
}
