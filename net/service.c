/* SPDX-License-Identifier: MIT */
/* Places, limits and room of one acceptor's connections: see service.h. */
#include "net/service.h"

#include <errno.h>

static void take_limits(struct service *service)
{
    server_state_limits(service->server, &service->limits);
    for (unsigned i = DEADLINE_NONE + 1; i < DEADLINE_KINDS; i++)
        loop_set_duration(&service->loop, (enum deadline_kind)i, service->limits.deadline_ns[i]);
}

int service_init(struct service *service, struct server_state *server)
{
    service->server = server;
    service->hub = server->hub;
    service->subscribers_known_ns = INT64_MIN;
    int r = loop_init(&service->loop, server->hub);
    if (!r)
        r = waiters_init(&service->waiters, &service->loop);
    if (!r)
        take_limits(service);
    return r;
}

void service_deinit(struct service *service)
{
    waiters_deinit(&service->waiters);
    service->limits.policy = policy_unref(service->limits.policy);
    loop_deinit(&service->loop);
}

static void tell_limits(struct connection *connection)
{
    connection->operations->on_limits(connection);
}

void service_follow_limits(struct service *service)
{
    take_limits(service);
    connection_each(&service->loop, tell_limits);
}

bool service_enter(struct service *service, uint32_t reserved)
{
    struct server_state *server = service->server;
    uint32_t open = atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
    if (open >= service->limits.options.connections_max + reserved) {
        atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
        return false;
    }
    net_count(&service->loop.stats.connections_open);
    return true;
}

void service_leave(struct service *service)
{
    net_uncount(&service->loop.stats.connections_open);
    atomic_fetch_sub_explicit(&service->server->connections, 1, memory_order_relaxed);
}

/* Far from the limit a number that is 100 ms old is good enough; close to it, it is asked for. */
bool service_may_subscribe(struct service *service)
{
    uint64_t most = service->limits.options.subscribers_max;
    uint64_t since = (service->subscribers_since + 1) * service->server->acceptor_count * 2;
    if (service->loop.now_ns - 100000000 > service->subscribers_known_ns ||
        service->subscribers_known + since >= most) {
        struct stats stats;
        hub_stats(service->hub, &stats);
        service->subscribers_known = stats.subscribers;
        service->subscribers_known_ns = service->loop.now_ns;
        service->subscribers_since = 0;
    }
    return service->subscribers_known + service->subscribers_since++ < most;
}
