/* SPDX-License-Identifier: MIT */
/*
 * Publishing, as far as more than one file of lib does it: a caller's events become frames, and
 * those become the hub's, whole or not at all. Any thread.
 */
#pragma once

#include "engine/hub.h"
#include "fanfare.h"

/*
 * Tries once. 0; a count: so many were published before, under their keys, and the others were
 * now; -EAGAIN: there is no room, which is known before most of the work; else what
 * fanfare_publish_events says. `ret_first` may be NULL.
 */
MUST_USE int publish_try(struct hub *hub, const struct fanfare_event *events, unsigned count,
                         uint64_t *ret_first);
