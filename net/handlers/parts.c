/* SPDX-License-Identifier: MIT */
/* The parts of the server, as one table: see parts.h. */
#include "net/handlers/parts.h"

#include "net/client.h"
#include "net/feed/feed.h"
#include "net/service.h"

const struct server_parts server_parts = {
    .kinds = {[LISTENER_HTTP] = &client_kind, [LISTENER_FEED] = &feed_kind},
};
