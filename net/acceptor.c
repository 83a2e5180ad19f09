/* SPDX-License-Identifier: MIT */
/* The loop of an acceptor thread, its deadlines and its waiters: see acceptor.h. */
#include "net/acceptor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "net/accept.h"
#include "net/handlers/publish.h"
#include "net/feed/feed.h"

#define EVENTS_MAX 256 /* events of one round; the rest come in the next one; picked by hand */
/* Passes over the waiters of one round while they make progress, so that the rest is served too. */
#define WAITER_PASSES_MAX 64

/* --- life ---------------------------------------------------------------------------------- */

static int watch(struct acceptor *acceptor, int fd, struct source *source, enum source_kind kind)
{
    if (fd < 0)
        return -errno;
    source->kind = kind;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    return epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int acceptor_new(struct server *server, struct acceptor **ret_acceptor)
{
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
    if (!acceptor)
        return -ENOMEM;
    acceptor->server = server;
    acceptor->hub = server->hub;
    acceptor->reloads = atomic_load_explicit(&server->reloads, memory_order_acquire);
    server_limits_copy(server, &acceptor->limits);
    acceptor->reserve_fd = -1;
    acceptor->now_ns = clock_ns();
    acceptor->subscribers_known_ns = INT64_MIN;
    list_init(&acceptor->connections);
    list_init(&acceptor->ready);
    list_init(&acceptor->closed);
    for (unsigned i = 0; i < DEADLINE_KINDS; i++)
        list_init(&acceptor->deadlines[i]);
    waiters_init(&acceptor->waiters);
    acceptor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    acceptor->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    acceptor->room_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int r = acceptor->epoll_fd < 0 ? -errno : 0;
    if (!r)
        r = watch(acceptor, acceptor->wake_fd, &acceptor->wake, SOURCE_WAKE);
    if (!r)
        r = watch(acceptor, acceptor->room_fd, &acceptor->room, SOURCE_ROOM);
    if (!r)
        r = accept_begin(acceptor);
    if (r) {
        acceptor_free(acceptor);
        return r;
    }
    hub_waiter_add(acceptor->hub, &acceptor->hub_waiter, acceptor->room_fd);
    *ret_acceptor = acceptor;
    return 0;
}

/* --- memory -------------------------------------------------------------------------------- */

static void tell_memory(struct acceptor *acceptor)
{
    if (acceptor->memory_change)
        hub_count_memory(acceptor->hub, acceptor->memory_change);
    acceptor->memory_change = 0;
}

/* Told when it is much, else at the end of the round: every change would be a write to a line that
 * all threads share. */
static void count_memory(struct acceptor *acceptor, int64_t change)
{
    acceptor->memory_change += change;
    if (acceptor->memory_change > MEMORY_BATCH_BYTES ||
        acceptor->memory_change < -MEMORY_BATCH_BYTES)
        tell_memory(acceptor);
}

void acceptor_settle_memory(struct connection *connection)
{
    size_t holds = connection->source.kind == SOURCE_FEED
                       ? feed_memory((const struct feed *)connection)
                       : client_memory((const struct client *)connection);
    if (holds == connection->memory)
        return;
    count_memory(connection->acceptor, (int64_t)holds - (int64_t)connection->memory);
    connection->memory = holds;
}

static void free_closed(struct acceptor *acceptor)
{
    while (!list_is_empty(&acceptor->closed)) {
        struct connection *connection = LINK_OWNER(acceptor->closed.next, struct connection, all);
        list_remove(&connection->all);
        count_memory(acceptor, -(int64_t)connection->memory);
        if (connection->source.kind == SOURCE_FEED)
            feed_free((struct feed *)connection);
        else
            client_free((struct client *)connection);
    }
}

static void close_all(struct acceptor *acceptor)
{
    while (!list_is_empty(&acceptor->connections))
        connection_close(LINK_OWNER(acceptor->connections.next, struct connection, all));
    free_closed(acceptor);
    tell_memory(acceptor);
}

struct acceptor *acceptor_free(struct acceptor *acceptor)
{
    if (!acceptor)
        return NULL;
    close_all(acceptor);
    if (acceptor->hub_waiter.eventfd)
        hub_waiter_remove(acceptor->hub, &acceptor->hub_waiter);
    int fds[] = {acceptor->epoll_fd, acceptor->wake_fd, acceptor->room_fd, acceptor->reserve_fd};
    for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(acceptor);
    return NULL;
}

void acceptor_wake(struct acceptor *acceptor)
{
    (void)eventfd_write(acceptor->wake_fd, 1);
}

void acceptor_on_closed(struct acceptor *acceptor, struct connection *connection)
{
    acceptor->freed = true;
    if (!connection->counted) {
        acceptor->refusals--;
        return;
    }
    net_uncount(&acceptor->stats.connections_open);
    atomic_fetch_sub_explicit(&acceptor->server->connections, 1, memory_order_relaxed);
    if (connection->source.kind == SOURCE_FEED)
        feed_on_closed((struct feed *)connection);
    else
        client_on_closed((struct client *)connection);
}

/* Far from the limit a number that is 100 ms old is good enough; close to it, it is asked for. */
bool acceptor_may_subscribe(struct acceptor *acceptor)
{
    struct server *server = acceptor->server;
    uint64_t most = acceptor->limits.options.subscribers_max;
    uint64_t since = (acceptor->subscribers_since + 1) * server->acceptor_count * 2;
    if (acceptor->now_ns - 100000000 > acceptor->subscribers_known_ns ||
        acceptor->subscribers_known + since >= most) {
        struct stats stats;
        hub_stats(acceptor->hub, &stats);
        acceptor->subscribers_known = stats.subscribers;
        acceptor->subscribers_known_ns = acceptor->now_ns;
        acceptor->subscribers_since = 0;
    }
    return acceptor->subscribers_known + acceptor->subscribers_since++ < most;
}

/* --- waiting for room ---------------------------------------------------------------------- */

void acceptor_wait(struct acceptor *acceptor, struct waiter *waiter, struct connection *connection,
                   struct frame *const *frames, unsigned count)
{
    waiters_add(&acceptor->waiters, waiter, connection, frames, count);
    net_count(&acceptor->stats.publishes_waiting);
    net_count(&acceptor->stats.publishes_waited);
}

void acceptor_unwait(struct acceptor *acceptor, struct waiter *waiter)
{
    if (!link_is_listed(&waiter->order))
        return;
    waiters_remove(waiter);
    net_uncount(&acceptor->stats.publishes_waiting);
}

static bool retry(struct waiter *waiter)
{
    struct connection *connection = waiter->connection;
    bool over = connection->source.kind == SOURCE_FEED ? feed_retry((struct feed *)connection)
                                                       : client_retry((struct client *)connection);
    acceptor_settle_memory(connection);
    return over;
}

/* Tries all that wait now, in order, each once. True if one of them found room. */
static bool serve_waiters_once(struct acceptor *acceptor)
{
    struct waiters *waiters = &acceptor->waiters;
    struct link *last = waiters->order.previous;
    bool progress = false;
    waiters->pass++;
    for (struct link *link = waiters->order.next, *next; link != &waiters->order; link = next) {
        struct waiter *waiter = LINK_OWNER(link, struct waiter, order);
        bool is_last = link == last;
        next = link->next;
        if (!waiters_blocked(waiters, waiter)) {
            if (retry(waiter))
                progress = true;
            else
                waiter->refused_in = waiters->pass;
        }
        if (is_last)
            break;
    }
    return progress;
}

/* Armed before they are tried, so that room that appears after a refusal is heard of. */
static void serve_waiters(struct acceptor *acceptor)
{
    acceptor->has_room = false;
    for (unsigned i = 0; i < WAITER_PASSES_MAX; i++) {
        if (list_is_empty(&acceptor->waiters.order))
            return;
        hub_waiter_arm(acceptor->hub, &acceptor->hub_waiter);
        if (!serve_waiters_once(acceptor))
            return;
    }
    acceptor->has_room = true; /* still going well: once more in the next round */
}

/* --- deadlines ----------------------------------------------------------------------------- */

static int64_t next_deadline_ns(const struct acceptor *acceptor)
{
    int64_t first = accept_resume_at(acceptor);
    for (unsigned i = DEADLINE_NONE + 1; i < DEADLINE_KINDS; i++) {
        const struct link *list = &acceptor->deadlines[i];
        if (list_is_empty(list))
            continue;
        int64_t at = LINK_OWNER(list->next, struct connection, deadline)->deadline_ns;
        if (at < first)
            first = at;
    }
    if (acceptor->phase == PHASE_CLOSED && acceptor->end_ns < first)
        first = acceptor->end_ns;
    return first;
}

static int timeout_ms(const struct acceptor *acceptor)
{
    if (!list_is_empty(&acceptor->ready) || acceptor->has_room)
        return 0;
    int64_t at = next_deadline_ns(acceptor);
    if (at == INT64_MAX)
        return -1;
    int64_t left = at - clock_ns();
    return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

static void expire(struct connection *connection)
{
    struct net_stats *stats = &connection->acceptor->stats;
    switch ((enum deadline_kind)connection->deadline_kind) {
    case DEADLINE_HEAD:
    case DEADLINE_BODY:
    case DEADLINE_ROOM:
        client_on_deadline((struct client *)connection);
        acceptor_settle_memory(connection);
        return;
    case DEADLINE_IDLE:
        net_count(&stats->timeouts_idle);
        break;
    case DEADLINE_ANSWER:
        net_count(&stats->timeouts_answer);
        break;
    case DEADLINE_LINGER:
    case DEADLINE_NONE:
    case DEADLINE_KINDS:
        break;
    }
    connection_close(connection);
}

static void expire_all(struct acceptor *acceptor)
{
    for (unsigned i = DEADLINE_NONE + 1; i < DEADLINE_KINDS; i++) {
        struct link *list = &acceptor->deadlines[i];
        while (!list_is_empty(list)) {
            struct connection *connection = LINK_OWNER(list->next, struct connection, deadline);
            if (connection->deadline_ns > acceptor->now_ns)
                break;
            expire(connection);
        }
    }
}

/* --- the loop ------------------------------------------------------------------------------ */

static void serve_event(struct acceptor *acceptor, const struct epoll_event *event)
{
    void *object = event->data.ptr;
    const struct source *source = object;
    eventfd_t ignored;
    switch (source->kind) {
    case SOURCE_WAKE:
        (void)eventfd_read(acceptor->wake_fd, &ignored);
        return;
    case SOURCE_ROOM:
        (void)eventfd_read(acceptor->room_fd, &ignored);
        acceptor->has_room = true;
        return;
    case SOURCE_LISTENER:
        accept_batch(acceptor, object);
        return;
    case SOURCE_CLIENT:
    case SOURCE_FEED:
        break;
    }
    struct connection *connection = object;
    if (connection->closed)
        return;
    if (connection->finishing)
        connection_on_finishing(connection);
    else if (source->kind == SOURCE_FEED)
        feed_on_event((struct feed *)connection);
    else
        client_on_event((struct client *)connection);
    acceptor_settle_memory(connection);
}

/* One turn for each that was ready when the round began. */
static void serve_ready(struct acceptor *acceptor)
{
    struct link *last = acceptor->ready.previous;
    while (!list_is_empty(&acceptor->ready)) {
        struct link *link = acceptor->ready.next;
        struct connection *connection = LINK_OWNER(link, struct connection, ready);
        list_remove(link);
        if (connection->source.kind == SOURCE_FEED)
            feed_on_ready((struct feed *)connection);
        else
            client_on_ready((struct client *)connection);
        acceptor_settle_memory(connection);
        if (link == last)
            return;
    }
}

/* Calls `each` for every connection; it may close that connection, and no other. */
static void for_all(struct acceptor *acceptor, void (*each)(struct connection *))
{
    struct link *link = acceptor->connections.next;
    while (link != &acceptor->connections) {
        struct connection *connection = LINK_OWNER(link, struct connection, all);
        link = link->next;
        if (!connection->finishing) {
            each(connection);
            acceptor_settle_memory(connection);
        }
    }
}

static void take_once(struct connection *connection)
{
    if (connection->source.kind == SOURCE_FEED)
        feed_on_event((struct feed *)connection);
    else
        client_on_event((struct client *)connection);
}

static void stop_one(struct connection *connection)
{
    if (connection->source.kind == SOURCE_FEED)
        feed_stop((struct feed *)connection);
    else
        client_stop((struct client *)connection);
}

/* --- following the server ------------------------------------------------------------------ */

/* Who waits already waits no longer than if it began now. Behind the first that is soon enough all
 * are: the list is in order. */
static void bring_nearer(struct acceptor *acceptor, enum deadline_kind kind)
{
    int64_t latest_ns = acceptor->now_ns + acceptor->limits.deadline_ns[kind];
    struct link *list = &acceptor->deadlines[kind];
    for (struct link *link = list->previous; link != list; link = link->previous) {
        struct connection *connection = LINK_OWNER(link, struct connection, deadline);
        if (connection->deadline_ns <= latest_ns)
            return;
        connection->deadline_ns = latest_ns;
    }
}

static void follow_limits(struct acceptor *acceptor)
{
    unsigned reloads = atomic_load_explicit(&acceptor->server->reloads, memory_order_acquire);
    if (reloads == acceptor->reloads)
        return;
    acceptor->reloads = reloads;
    server_limits_copy(acceptor->server, &acceptor->limits);
    for (unsigned i = DEADLINE_NONE + 1; i < DEADLINE_KINDS; i++)
        bring_nearer(acceptor, (enum deadline_kind)i);
    for (struct link *link = acceptor->connections.next; link != &acceptor->connections;
         link = link->next) {
        struct connection *connection = LINK_OWNER(link, struct connection, all);
        if (connection->source.kind == SOURCE_FEED)
            feed_limit((struct feed *)connection);
        else
            client_limit((struct client *)connection);
    }
}

/* Follows the server's phase, see design section 4, "Drain". */
static void follow_phase(struct acceptor *acceptor)
{
    struct server *server = acceptor->server;
    int phase = atomic_load_explicit(&server->phase, memory_order_acquire);
    if (phase >= PHASE_TAKING && acceptor->phase < PHASE_TAKING) {
        acceptor->phase = PHASE_TAKING;
        accept_end(acceptor);
        pthread_mutex_lock(&server->lock);
        server->accepted++;
        pthread_cond_signal(&server->reached);
        pthread_mutex_unlock(&server->lock);

        for_all(acceptor, take_once);
        /* What was read is bounded, so this ends: no turn reads while it has unparsed input. */
        while (!list_is_empty(&acceptor->ready))
            serve_ready(acceptor);
        serve_waiters(acceptor);
        pthread_mutex_lock(&server->lock);
        server->taken++;
        pthread_cond_signal(&server->reached);
        pthread_mutex_unlock(&server->lock);
    }
    if (phase >= PHASE_CLOSED && acceptor->phase < PHASE_CLOSED) {
        acceptor->phase = PHASE_CLOSED;
        acceptor->end_ns = acceptor->now_ns + STOP_ANSWER_MS * 1000000ll;
        for_all(acceptor, stop_one);
        /* A client that does not close has had its answer: it is not worth waiting for. */
        acceptor->limits.deadline_ns[DEADLINE_LINGER] = LINGER_STOP_MS * 1000000ll;
        bring_nearer(acceptor, DEADLINE_LINGER);
    }
}

void *acceptor_run(void *argument)
{
    struct acceptor *acceptor = argument;
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int count = epoll_wait(acceptor->epoll_fd, events, EVENTS_MAX, timeout_ms(acceptor));
        CHECK(count >= 0 || errno == EINTR);
        acceptor->now_ns = clock_ns();
        follow_limits(acceptor);
        for (int i = 0; i < count; i++)
            serve_event(acceptor, &events[i]);
        serve_ready(acceptor);
        if (acceptor->has_room)
            serve_waiters(acceptor);
        expire_all(acceptor);
        follow_phase(acceptor);
        accept_resume(acceptor);
        free_closed(acceptor);
        tell_memory(acceptor);
        if (acceptor->phase == PHASE_CLOSED &&
            (list_is_empty(&acceptor->connections) || acceptor->now_ns >= acceptor->end_ns))
            break;
    }
    close_all(acceptor);
    return NULL;
}
