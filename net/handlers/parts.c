/* SPDX-License-Identifier: MIT */
/* The parts of the server, as two tables: see parts.h. */
#include "net/handlers/parts.h"

#include "net/exchange.h"
#include "net/feed/feed.h"
#include "net/handlers/admin.h"
#include "net/handlers/handoff_socket.h"
#include "net/handlers/operations.h"
#include "net/handlers/page.h"
#include "net/handlers/publish.h"
#include "net/handlers/subscribe.h"
#include "net/http/route.h"
#include "net/service.h"

/* A misspelt one would be lost in silence. */
#define PUBLISH_PARAMETERS "channel, event, id, retry, end, all, count, access_token"

static const struct route_row rows[] = {
    {.path = "/events",
     .name = ROUTE_NAME_SUBSCRIBE,
     .act = ACT_SUBSCRIBE,
     .has_rest = true,
     .methods = &route_asks,
     .parameters = ROUTE_SUBSCRIBES,
     .channels_min = 1,
     .channels_max = SUBSCRIBER_CHANNELS_MAX,
     .handler = &subscribe_handler},
    {.path = "/publish",
     .name = ROUTE_NAME_PUBLISH,
     .act = ACT_PUBLISH,
     .has_rest = true,
     .methods = &route_writes,
     .parameters = ROUTE_PUBLISHES,
     .only = PUBLISH_PARAMETERS,
     .channels_max = 1, /* none: the body is to carry it */
     .handler = &publish_handler},
    {.path = "/stream",
     .name = ROUTE_NAME_SUBSCRIBE,
     .act = ACT_SUBSCRIBE,
     .methods = &route_reads,
     .parameters = ROUTE_SUBSCRIBES,
     .channels_max = SUBSCRIBER_CHANNELS_MAX,
     .channel = "default",
     .handler = &subscribe_handler},
    {.path = "/send",
     .name = ROUTE_NAME_SEND,
     .act = ACT_PUBLISH,
     .json_errors = true,
     .parameters = 1u << PARAMETER_TOKEN,
     .methods = &route_writes,
     .channel = "default",
     .handler = &publish_send_handler},
    {.path = "/", .name = ROUTE_NAME_PAGE, .methods = &route_reads, .handler = &page_handler},
    {.path = "/healthz",
     .name = ROUTE_NAME_HEALTH,
     .always = true,
     .methods = &route_reads,
     .handler = &operations_health},
    {.path = "/stats",
     .name = ROUTE_NAME_STATS,
     .always = true,
     .methods = &route_reads,
     .handler = &operations_stats},
    {.path = "/metrics",
     .name = ROUTE_NAME_METRICS,
     .always = true,
     .methods = &route_reads,
     .handler = &operations_metrics},
    /* The administration's. What it does not know would be lost in silence: the wrong list. */
    {.path = "/channels",
     .name = ROUTE_NAME_ADMIN,
     .has_rest = true,
     .methods = &route_removes,
     .parameters = 1u << PARAMETER_CHANNEL | 1u << PARAMETER_AFTER | 1u << PARAMETER_LIMIT,
     .only = "channel, after, limit",
     .channels_max = 1,
     .handler = &admin_channels},
    {.path = "/subscribers",
     .name = ROUTE_NAME_ADMIN,
     .has_rest = true,
     .rest_is_subscriber = true,
     .methods = &route_handles,
     .parameters = 1u << PARAMETER_CHANNEL | 1u << PARAMETER_AFTER | 1u << PARAMETER_LIMIT |
                   1u << PARAMETER_EVENT | 1u << PARAMETER_RETRY,
     .only = "channel, after, limit, event, retry",
     .channels_max = 1,
     .handler = &admin_subscribers},
    {.path = "/explain",
     .name = ROUTE_NAME_ADMIN,
     .methods = &route_reads,
     .parameters = 1u << PARAMETER_SUBSCRIBER | 1u << PARAMETER_EVENT,
     .only = "subscriber, event",
     .channels_max = 1,
     .handler = &admin_explain},
    {.path = "/kick",
     .name = ROUTE_NAME_ADMIN,
     .methods = &route_writes,
     .only = "", /* who names a channel means its readers, and everybody would be ended */
     .handler = &admin_kick},
};

/* What the operator's paths are: as /events/CHANNEL by GET, and as /publish/CHANNEL. */
static const struct route_row mapped_stream = {
    .path = "PATH",
    .name = ROUTE_NAME_SUBSCRIBE,
    .act = ACT_SUBSCRIBE,
    .methods = &route_reads,
    .parameters = ROUTE_SUBSCRIBES,
    .channels_max = SUBSCRIBER_CHANNELS_MAX,
    .handler = &subscribe_handler,
};
static const struct route_row mapped_publish = {
    .path = "PATH",
    .name = ROUTE_NAME_PUBLISH,
    .act = ACT_PUBLISH,
    .methods = &route_writes,
    .parameters = ROUTE_PUBLISHES,
    .only = PUBLISH_PARAMETERS,
    .channels_max = 1,
    .handler = &publish_handler,
};

const struct route_table parts_routes = {
    rows,
    sizeof(rows) / sizeof(rows[0]),
    .streams = &mapped_stream,
    .publishes = &mapped_publish,
};

const struct server_parts parts_all = {
    .kinds = {[LISTENER_HTTP] = &exchange_kind,
              [LISTENER_FEED] = &feed_kind,
              [LISTENER_ADMIN] = &exchange_admin_kind,
              [LISTENER_HANDOFF] = &handoff_socket_kind},
    .routes = &parts_routes,
};
