/* SPDX-License-Identifier: MIT */
/*
 * What the administration answers, as JSON: from what the workers said to a text, which is the
 * caller's to free; NULL: out of memory. The members are in docs/administration.md.
 *
 * Pure but for the memory; the acceptor's thread. Statuses are admin.c's.
 */
#pragma once

#include "engine/control.h"
#include "engine/id.h"

/* {"channels": [...]}, with "next" if more follow. */
char *admin_json_channels(const struct ids *ids, struct control *control);
/* The one that was asked for. */
char *admin_json_channel(const struct ids *ids, struct control *control);
/* {"subscribers": [...]}, likewise, and one. */
char *admin_json_subscribers(struct control *control);
char *admin_json_subscriber(struct control *control);
/* {"delivered": ..., "reason": ..., "text": ...} */
char *admin_json_explanation(const struct ids *ids, const struct explanation *explanation);
