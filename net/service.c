/* SPDX-License-Identifier: MIT */
/* Places, limits and room of one acceptor's connections: see service.h. */
#include "net/service.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void take_limits(struct service *service)
{
    server_state_limits(service->server, &service->limits);
    for (unsigned i = DEADLINE_NONE + 1; i < DEADLINE_KINDS; i++)
        loop_set_duration(&service->loop, (enum deadline_kind)i, service->limits.deadline_ns[i]);
}

/* --- what others send ---------------------------------------------------------------------- */

void service_wake(struct service *service)
{
    (void)eventfd_write(service->wake_fd, 1);
}

static void post(struct service *service, struct message *message, enum service_message kind)
{
    message->kind = kind;
    if (mailbox_post(&service->mailbox, message))
        service_wake(service);
}

void service_answer(struct service *service, struct pending_answer *answer)
{
    post(service, &answer->message, SERVICE_ANSWER);
}

void service_order(struct service *service, struct phase_order *order, int phase)
{
    order->phase = phase;
    post(service, &order->message, SERVICE_PHASE);
}

static void deliver(struct service *service, struct pending_answer *answer)
{
    struct pending *pending = pending_find(&service->pendings, answer->id);
    if (pending) {
        struct connection *connection = pending->connection;
        connection->operations->on_answer(connection, answer);
        connection_settle(connection);
    }
    answer->free(answer);
}

static void take_mail(struct service *service)
{
    struct message *message = mailbox_take(&service->mailbox);
    while (message) {
        struct message *next = message->next;
        switch ((enum service_message)message->kind) {
        case SERVICE_PHASE:
            service->phase = ((struct phase_order *)message)->phase;
            break;
        case SERVICE_ANSWER:
            deliver(service, (struct pending_answer *)message);
            break;
        }
        message = next;
    }
}

/* The eventfd first: what is posted after the look at the mailbox wakes again. */
static void on_wake(struct source *source)
{
    struct service *service = LINK_OWNER(source, struct service, wake);
    eventfd_t ignored;
    (void)eventfd_read(service->wake_fd, &ignored);
    take_mail(service);
}

static int watch_wakes(struct service *service)
{
    mailbox_init(&service->mailbox);
    service->wake.on_event = on_wake;
    service->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (service->wake_fd < 0)
        return -errno;
    return loop_control(&service->loop, EPOLL_CTL_ADD, service->wake_fd, EPOLLIN, &service->wake);
}

/* --- life and limits ----------------------------------------------------------------------- */

int service_init(struct service *service, struct server_state *server)
{
    service->server = server;
    service->hub = server->hub;
    service->subscribers_known_ns = INT64_MIN;
    service->wake_fd = -1;
    hook_cache_init(&service->hook_cache);
    int r = loop_init(&service->loop, server->hub);
    if (!r)
        r = watch_wakes(service);
    if (!r)
        r = waiters_init(&service->waiters, &service->loop);
    if (!r)
        take_limits(service);
    return r;
}

/* What the application said before is asked anew. */
static void forget_answers(struct service *service)
{
    loop_count_memory(&service->loop, -(int64_t)service->hook_cache.bytes);
    hook_cache_expire(&service->hook_cache, INT64_MAX);
}

void service_deinit(struct service *service)
{
    take_mail(service); /* whose requests have all gone */
    pendings_deinit(&service->pendings);
    forget_answers(service);
    hook_cache_deinit(&service->hook_cache);
    if (service->wake_fd >= 0)
        close(service->wake_fd);
    waiters_deinit(&service->waiters);
    service->limits.policy = policy_unref(service->limits.policy);
    service->limits.channels = rules_unref(service->limits.channels);
    service->limits.access = access_unref(service->limits.access);
    service->limits.admin_tokens = token_list_unref(service->limits.admin_tokens);
    service->limits.site = site_unref(service->limits.site);
    service->limits.fetched = keys_unref(service->limits.fetched);
    loop_deinit(&service->loop);
}

static void tell_limits(struct connection *connection)
{
    connection->operations->on_limits(connection);
}

void service_follow_limits(struct service *service)
{
    take_limits(service);
    forget_answers(service);
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
