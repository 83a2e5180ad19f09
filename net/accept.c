/* SPDX-License-Identifier: MIT */
/* Accepting and refusing: see accept.h. */
#include "net/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/client.h"
#include "net/feed/feed.h"
#include "net/http/answer.h"

/* How much of the last call's backlog is taken: what waits then, not what a storm adds meanwhile.
 */
#define LAST_ACCEPTS (LISTEN_BACKLOG * 2)

static void open_reserve(struct acceptor *acceptor)
{
    if (acceptor->reserve_fd < 0)
        acceptor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int listen_on(struct acceptor *acceptor, struct listening *listening)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = listening};
    if (epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_ADD, listening->listener->fd, &event))
        return -errno;
    listening->listed = true;
    return 0;
}

int accept_begin(struct acceptor *acceptor)
{
    struct server *server = acceptor->server;
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct listening *listening = &acceptor->listenings[i];
        *listening =
            (struct listening){.source.kind = SOURCE_LISTENER, .listener = &server->listeners[i]};
        int r = listen_on(acceptor, listening);
        if (r)
            return r;
    }
    open_reserve(acceptor);
    return acceptor->reserve_fd < 0 ? -errno : 0;
}

/* --- refusing ------------------------------------------------------------------------------ */

static size_t format_refusal(enum listener_kind kind, const char *sentence, char *out, size_t size)
{
    if (kind == LISTENER_FEED)
        return (size_t)snprintf(out, size, "error: %s\n\n", sentence);
    char retry[40];
    int retry_len = snprintf(retry, sizeof(retry), "Retry-After: %d\r\n", RETRY_AFTER_S);
    struct http_answer answer = {
        .status = 503, .extra = {retry, (size_t)retry_len}, .now = time(NULL)};
    return http_format_error(out, size, &answer, sentence, false, false);
}

/* Answers and closes in one step, keeping nothing. What has arrived is read, for a socket closed
 * with unread input is reset, and the reset overtakes the answer. */
static void refuse_at_once(struct acceptor *acceptor, int fd, enum listener_kind kind,
                           const char *sentence)
{
    char text[HTTP_HEAD_ROOM + 256];
    size_t len = format_refusal(kind, sentence, text, sizeof(text));
    (void)!send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    (void)!recv(fd, acceptor->input, sizeof(acceptor->input), MSG_DONTWAIT);
    close(fd);
}

static void refuse(struct acceptor *acceptor, int fd, enum listener_kind kind, const char *sentence)
{
    struct client *client = acceptor->refusals < REFUSALS_MAX ? client_new(acceptor, fd) : NULL;
    if (!client) {
        refuse_at_once(acceptor, fd, kind, sentence);
        return;
    }
    char text[HTTP_HEAD_ROOM + 256];
    size_t len = format_refusal(kind, sentence, text, sizeof(text));
    acceptor->refusals++;
    connection_write(&client->connection, text, len);
    connection_finish(&client->connection);
    acceptor_settle_memory(&client->connection);
}

/* --- accepting ----------------------------------------------------------------------------- */

static bool is_exhausted(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM;
}

/* Accepts with the reserve's descriptor. False: nothing waits, or not even that helps. */
static bool accept_and_refuse(struct acceptor *acceptor, const struct listener *listener)
{
    if (acceptor->reserve_fd < 0)
        return false;
    close(acceptor->reserve_fd);
    acceptor->reserve_fd = -1;
    int fd = listener_accept(listener);
    if (fd >= 0) {
        net_count(&acceptor->stats.connections_accepted);
        net_count(&acceptor->stats.connections_refused_descriptors);
        refuse_at_once(acceptor, fd, listener->kind, "the server has no free descriptors");
    }
    open_reserve(acceptor);
    return fd >= 0 && acceptor->reserve_fd >= 0;
}

static void take_feed(struct acceptor *acceptor, int fd)
{
    const struct server_options *options = &acceptor->limits.options;
    struct ucred peer;
    socklen_t len = sizeof(peer);
    bool checked = options->feed_uid >= 0 || options->feed_gid >= 0;
    if (checked && (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
                    (options->feed_uid >= 0 && options->feed_uid != (int64_t)peer.uid) ||
                    (options->feed_gid >= 0 && options->feed_gid != (int64_t)peer.gid))) {
        net_count(&acceptor->stats.feeds_refused_peer);
        atomic_fetch_sub_explicit(&acceptor->server->connections, 1, memory_order_relaxed);
        refuse(acceptor, fd, LISTENER_FEED, "this user or group may not publish here");
        return;
    }
    struct feed *feed = feed_new(acceptor, fd);
    if (!feed) {
        net_count(&acceptor->stats.connections_refused_memory);
        atomic_fetch_sub_explicit(&acceptor->server->connections, 1, memory_order_relaxed);
        refuse_at_once(acceptor, fd, LISTENER_FEED, "out of memory");
        return;
    }
    feed->connection.counted = true;
    net_count(&acceptor->stats.connections_open);
    feed_start(feed);
    acceptor_settle_memory(&feed->connection);
}

static void take_client(struct acceptor *acceptor, int fd)
{
    struct client *client = client_new(acceptor, fd);
    if (!client) {
        net_count(&acceptor->stats.connections_refused_memory);
        atomic_fetch_sub_explicit(&acceptor->server->connections, 1, memory_order_relaxed);
        refuse_at_once(acceptor, fd, LISTENER_HTTP, "out of memory");
        return;
    }
    client->connection.counted = true;
    net_count(&acceptor->stats.connections_open);
    client_start(client);
    acceptor_settle_memory(&client->connection);
}

static void take(struct acceptor *acceptor, const struct listener *listener, int fd)
{
    struct server *server = acceptor->server;
    net_count(&acceptor->stats.connections_accepted);
    uint32_t open = atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
    if (open >= acceptor->limits.options.connections_max) {
        atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
        net_count(&acceptor->stats.connections_refused_limit);
        refuse(acceptor, fd, listener->kind, "the server has as many connections as it may");
    } else if (listener->kind == LISTENER_FEED) {
        take_feed(acceptor, fd);
    } else {
        take_client(acceptor, fd);
    }
}

static void rest(struct acceptor *acceptor, struct listening *listening)
{
    if (!listening->listed)
        return;
    (void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, listening->listener->fd, NULL);
    listening->listed = false;
    listening->rest_until_ns = acceptor->now_ns + REST_MS * 1000000ll;
    acceptor->resting = true;
    acceptor->freed = false;
    net_count(&acceptor->stats.listeners_rested);
}

static void accept_some(struct acceptor *acceptor, struct listening *listening, unsigned most)
{
    bool exhausted = false;
    for (unsigned i = 0; i < most; i++) {
        int fd = listener_accept(listening->listener);
        if (fd >= 0) {
            take(acceptor, listening->listener, fd);
        } else if (is_exhausted(fd)) {
            net_count(&acceptor->stats.descriptors_exhausted);
            exhausted = true;
            if (!accept_and_refuse(acceptor, listening->listener))
                break;
        } else if (fd == -EAGAIN) {
            break;
        } else {
            net_count(&acceptor->stats.accept_errors);
        }
    }
    if (exhausted)
        rest(acceptor, listening);
}

void accept_batch(struct acceptor *acceptor, struct listening *listening)
{
    if (listening->listed)
        accept_some(acceptor, listening, ACCEPT_BATCH);
}

int64_t accept_resume_at(const struct acceptor *acceptor)
{
    int64_t first = INT64_MAX;
    for (unsigned i = 0; acceptor->resting && i < acceptor->server->listener_count; i++) {
        const struct listening *listening = &acceptor->listenings[i];
        if (!listening->listed && listening->rest_until_ns < first)
            first = listening->rest_until_ns;
    }
    return first;
}

void accept_resume(struct acceptor *acceptor)
{
    if (!acceptor->resting)
        return;
    bool freed = acceptor->freed;
    acceptor->freed = false;
    acceptor->resting = false;
    for (unsigned i = 0; i < acceptor->server->listener_count; i++) {
        struct listening *listening = &acceptor->listenings[i];
        if (listening->listed)
            continue;
        if (freed || listening->rest_until_ns <= acceptor->now_ns) {
            open_reserve(acceptor);
            if (listen_on(acceptor, listening) == 0)
                continue;
            listening->rest_until_ns = acceptor->now_ns + REST_MS * 1000000ll;
        }
        acceptor->resting = true;
    }
}

void accept_end(struct acceptor *acceptor)
{
    for (unsigned i = 0; i < acceptor->server->listener_count; i++) {
        struct listening *listening = &acceptor->listenings[i];
        accept_some(acceptor, listening, LAST_ACCEPTS);
        if (listening->listed)
            (void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, listening->listener->fd, NULL);
        listening->listed = false;
    }
    acceptor->resting = false;
}
