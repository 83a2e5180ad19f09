/* SPDX-License-Identifier: MIT */
/* Accepting and refusing: see accept.h. */
#include "net/accept.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/caps.h"

/* How much of the last call's backlog is taken: what waits then, not what a storm adds meanwhile.
 */
#define LAST_ACCEPTS (LISTEN_BACKLOG * 2)

/* Any descriptor does; this kind needs no path, which a container or a chroot might not have. */
static void open_reserve(struct accept *accept)
{
    if (accept->reserve_fd < 0)
        accept->reserve_fd = eventfd(0, EFD_CLOEXEC);
}

static int listen_on(struct accept *accept, struct listening *listening)
{
    int r = loop_control(&accept->service->loop, EPOLL_CTL_ADD, listening->listener->fd,
                         EPOLLIN | EPOLLEXCLUSIVE, &listening->source);
    listening->listed = r == 0;
    return r;
}

static void stop_listening(struct accept *accept, struct listening *listening)
{
    if (listening->listed)
        loop_forget(&accept->service->loop, listening->listener->fd);
    listening->listed = false;
}

/* --- refusing ------------------------------------------------------------------------------ */

/* A connection that only stays until it has read why it was refused: it is finishing from birth. */
struct refused {
    struct connection connection; /* first */
    struct accept *accept;
};

static void on_refused_closed(struct connection *connection)
{
    ((struct refused *)connection)->accept->refusals--;
}

static size_t refused_memory(const struct connection *connection)
{
    return sizeof(struct refused) + connection->output_capacity;
}

static void refused_free(struct connection *connection)
{
    connection_deinit(connection);
    free(connection);
}

static const struct connection_operations refused_operations = {
    .on_closed = on_refused_closed,
    .memory = refused_memory,
    .free = refused_free,
};

static const struct connection_kind *kind_of(const struct accept *accept,
                                             const struct listener *listener)
{
    return accept->service->server->parts->kinds[listener->kind];
}

/* Answers and closes in one step, keeping nothing. What has arrived is read, for a socket closed
 * with unread input is reset, and the reset overtakes the answer. */
static void refuse_at_once(struct accept *accept, const struct listener *listener, int fd,
                           const struct refusal *refusal)
{
    struct loop *loop = &accept->service->loop;
    char text[REFUSAL_BYTES_MAX];
    size_t len = kind_of(accept, listener)
                     ->refusal(accept->service, listener, fd, refusal, text, sizeof(text));
    (void)!send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    (void)!recv(fd, loop->input, sizeof(loop->input), MSG_DONTWAIT);
    close(fd);
}

static void refuse(struct accept *accept, const struct listener *listener, int fd,
                   const struct refusal *refusal)
{
    struct refused *refused = accept->refusals < REFUSALS_MAX ? calloc(1, sizeof(*refused)) : NULL;
    if (!refused) {
        refuse_at_once(accept, listener, fd, refusal);
        return;
    }
    char text[REFUSAL_BYTES_MAX];
    size_t len = kind_of(accept, listener)
                     ->refusal(accept->service, listener, fd, refusal, text, sizeof(text));
    refused->accept = accept;
    accept->refusals++;
    connection_init(&refused->connection, &accept->service->loop, &refused_operations, fd);
    refused->connection.placeless = true;
    connection_write(&refused->connection, text, len);
    connection_finish(&refused->connection);
    connection_settle(&refused->connection);
}

/* --- accepting ----------------------------------------------------------------------------- */

static bool is_exhausted(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM;
}

/* *ret_peer is its address if caps ask for it now, else ADDRESS_NONE. */
static int accept_next(const struct accept *accept, const struct listener *listener,
                       struct address *ret_peer)
{
    struct listener_tuning tuning = server_tuning(&accept->service->limits.options);
    bool asked = caps_ask_at_accept(accept->service, listener);
    ret_peer->family = ADDRESS_NONE;
    return listener_accept(listener, &tuning, asked ? ret_peer : NULL);
}

enum place { PLACE_NONE, PLACE_USUAL, PLACE_LATE };

/* A place for one more of this kind, if need be that of somebody who does nothing with it. */
static enum place find_place(struct service *service, const struct connection_kind *kind)
{
    if (service_enter(service, kind->reserved))
        return PLACE_USUAL;
    if (connection_displace(&service->loop) && service_enter(service, kind->reserved))
        return PLACE_USUAL;
    return kind->start_late && service_enter(service, CONNECTIONS_FOR_HEALTH) ? PLACE_LATE
                                                                              : PLACE_NONE;
}

static void take(struct accept *accept, const struct listener *listener, int fd,
                 const struct address *peer)
{
    struct service *service = accept->service;
    struct net_stats *stats = &service->loop.stats;
    const struct connection_kind *kind = kind_of(accept, listener);
    net_count(&stats->connections_accepted);
    if (peer->family != ADDRESS_NONE && !caps_may_connect(service, peer)) {
        refuse_at_once(accept, listener, fd, &caps_too_fast); /* nobody gives his place for it */
        return;
    }
    enum place place = find_place(service, kind);
    if (place == PLACE_NONE) {
        net_count(&stats->connections_refused_limit);
        refuse(accept, listener, fd, &(struct refusal){503, "full", SERVICE_FULL});
        return;
    }
    const char *sentence = kind->check ? kind->check(service, fd) : NULL;
    if (sentence) {
        net_count(&stats->feeds_refused_peer);
        service_leave(service);
        refuse(accept, listener, fd, &(struct refusal){503, "full", sentence});
        return;
    }
    struct connection *connection = kind->new (service, listener, fd);
    if (!connection) {
        net_count(&stats->connections_refused_memory);
        service_leave(service);
        refuse_at_once(accept, listener, fd,
                       &(struct refusal){503, "memory", "the server is out of memory"});
        return;
    }
    if (place == PLACE_LATE)
        kind->start_late(connection);
    else
        kind->start(connection);
    connection_settle(connection);
}

/* Where nothing has come yet: who is answered before its request cannot be told what it asked for,
 * and it mostly comes right behind the connection. So many times in a round, which is followed by a
 * rest that is far longer. */
static void await_request(struct accept *accept, int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (accept->waits < REFUSAL_WAITS_MAX && poll(&ready, 1, 0) == 0) {
        accept->waits++;
        (void)poll(&ready, 1, REFUSAL_WAIT_MS);
    }
}

/* What became of a call without a free descriptor, which fails whether somebody waits or not. */
enum exhausted { NOBODY_WAITED, ROOM_MADE, REFUSED, STUCK };

/* Accepts with the reserve's descriptor: then one that waits longest without a request gives its
 * own, or the new one is refused. */
static enum exhausted accept_exhausted(struct accept *accept, const struct listener *listener)
{
    struct loop *loop = &accept->service->loop;
    if (accept->reserve_fd < 0)
        return STUCK;
    close(accept->reserve_fd);
    accept->reserve_fd = -1;
    struct address peer;
    int fd = accept_next(accept, listener, &peer);
    bool displaced = fd >= 0 && connection_displace(loop);
    if (fd >= 0 && !displaced) {
        net_count(&loop->stats.connections_accepted);
        net_count(&loop->stats.connections_refused_descriptors);
        await_request(accept, fd);
        refuse_at_once(accept, listener, fd,
                       &(struct refusal){503, "full", "the server has no free descriptors"});
    }
    open_reserve(accept);
    if (displaced)
        take(accept, listener, fd, &peer);
    if (fd >= 0 && accept->reserve_fd >= 0)
        return displaced ? ROOM_MADE : REFUSED;
    return fd == -EAGAIN ? NOBODY_WAITED : STUCK;
}

static void rest(struct accept *accept, struct listening *listening)
{
    struct loop *loop = &accept->service->loop;
    if (!listening->listed)
        return;
    stop_listening(accept, listening);
    listening->rest_until_ns = loop->now_ns + REST_MS * 1000000ll;
    accept->resting = true;
    loop->freed = false;
    net_count(&loop->stats.listeners_rested);
}

static void accept_some(struct accept *accept, struct listening *listening, unsigned most)
{
    struct net_stats *stats = &accept->service->loop.stats;
    bool exhausted = false;
    accept->waits = 0;
    for (unsigned i = 0; i < most; i++) {
        struct address peer;
        int fd = accept_next(accept, listening->listener, &peer);
        if (fd >= 0) {
            take(accept, listening->listener, fd, &peer);
        } else if (is_exhausted(fd)) {
            enum exhausted what = accept_exhausted(accept, listening->listener);
            if (what == NOBODY_WAITED)
                break;
            net_count(&stats->descriptors_exhausted);
            exhausted |= what != ROOM_MADE;
            if (what == STUCK)
                break;
        } else if (fd == -EAGAIN) {
            break;
        } else {
            net_count(&stats->accept_errors);
        }
    }
    if (exhausted)
        rest(accept, listening);
}

static void on_event(struct source *source)
{
    struct listening *listening = (struct listening *)source;
    if (listening->listed)
        accept_some(listening->accept, listening, ACCEPT_BATCH);
}

/* --- life and rest ------------------------------------------------------------------------- */

int accept_init(struct accept *accept, struct service *service)
{
    const struct server_state *server = service->server;
    accept->service = service;
    accept->reserve_fd = -1;
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct listening *listening = &accept->listenings[i];
        *listening = (struct listening){
            .source.on_event = on_event, .accept = accept, .listener = &server->listeners[i]};
        int r = listen_on(accept, listening);
        if (r)
            return r;
    }
    open_reserve(accept);
    return accept->reserve_fd < 0 ? -errno : 0;
}

void accept_deinit(struct accept *accept)
{
    if (accept->service && accept->reserve_fd >= 0)
        close(accept->reserve_fd);
    accept->reserve_fd = -1;
}

int64_t accept_resume_at(const struct accept *accept)
{
    int64_t first = INT64_MAX;
    for (unsigned i = 0; accept->resting && i < accept->service->server->listener_count; i++) {
        const struct listening *listening = &accept->listenings[i];
        if (!listening->listed && listening->rest_until_ns < first)
            first = listening->rest_until_ns;
    }
    return first;
}

void accept_resume(struct accept *accept)
{
    struct loop *loop = &accept->service->loop;
    if (!accept->resting)
        return;
    bool freed = loop->freed;
    loop->freed = false;
    accept->resting = false;
    for (unsigned i = 0; i < accept->service->server->listener_count; i++) {
        struct listening *listening = &accept->listenings[i];
        if (listening->listed)
            continue;
        if (freed || listening->rest_until_ns <= loop->now_ns) {
            open_reserve(accept);
            if (listen_on(accept, listening) == 0)
                continue;
            listening->rest_until_ns = loop->now_ns + REST_MS * 1000000ll;
        }
        accept->resting = true;
    }
}

void accept_end(struct accept *accept)
{
    for (unsigned i = 0; i < accept->service->server->listener_count; i++) {
        struct listening *listening = &accept->listenings[i];
        accept_some(accept, listening, LAST_ACCEPTS);
        stop_listening(accept, listening);
    }
    accept->resting = false;
}
