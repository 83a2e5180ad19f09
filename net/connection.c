/* SPDX-License-Identifier: MIT */
/* What connections of all kinds share: see connection.h. */
#include "net/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(struct source *source);

void connection_init(struct connection *connection, struct loop *loop,
                     const struct connection_operations *operations, int fd)
{
    *connection = (struct connection){
        .source.on_event = on_event, .operations = operations, .loop = loop, .fd = fd};
    list_add(&loop->open, &connection->all);
}

void connection_want(struct connection *connection, uint32_t events)
{
    if (connection->closed || connection->interest == events)
        return;
    int operation = !events ? EPOLL_CTL_DEL : !connection->interest ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (loop_control(connection->loop, operation, connection->fd, events, &connection->source)) {
        /* Out of memory, or of epoll watches: it could never be heard again. */
        connection_close(connection);
        return;
    }
    connection->interest = events;
}

void connection_deadline(struct connection *connection, enum deadline_kind kind)
{
    if (!connection->closed)
        loop_set_deadline(connection->loop, &connection->deadline, kind);
}

void connection_ready(struct connection *connection)
{
    if (!connection->closed && !link_is_listed(&connection->ready))
        list_add(&connection->loop->ready, &connection->ready);
}

void connection_settle(struct connection *connection)
{
    size_t holds = connection->operations->memory(connection);
    if (holds == connection->memory)
        return;
    loop_count_memory(connection->loop, (int64_t)holds - (int64_t)connection->memory);
    connection->memory = holds;
}

/* --- writing ------------------------------------------------------------------------------- */

static void drop_output(struct connection *connection)
{
    free(TAKE(connection->output));
    connection->output_at = 0;
    connection->output_len = 0;
    connection->output_capacity = 0;
}

/* What the socket takes of these bytes; the peer is deaf if it takes none ever again. */
static size_t write_some(struct connection *connection, const char *bytes, size_t len)
{
    size_t done = 0;
    while (done < len && !connection->deaf) {
        ssize_t sent = send(connection->fd, bytes + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0)
            done += (size_t)sent;
        else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
            return done;
        else if (errno != EINTR) {
            connection->deaf = true;
            connection->broken = errno != EPIPE; /* which is a peer that wants no answers */
        }
    }
    return done;
}

void connection_append(struct connection *connection, const char *bytes, size_t len)
{
    if (connection->deaf || connection->closed || len == 0)
        return;
    size_t need = connection->output_len + len;
    if (need > connection->output_capacity) {
        size_t capacity = need < 512 ? 512 : need + need / 2;
        char *grown = capacity < UINT32_MAX ? realloc(connection->output, capacity) : NULL;
        if (!grown) {
            connection->deaf = connection->broken = true;
            drop_output(connection);
            return;
        }
        connection->output = grown;
        connection->output_capacity = (uint32_t)capacity;
    }
    memcpy(connection->output + connection->output_len, bytes, len);
    connection->output_len += (uint32_t)len;
}

void connection_flush(struct connection *connection)
{
    if (!connection->output || connection->closed)
        return;
    connection->output_at +=
        (uint32_t)write_some(connection, connection->output + connection->output_at,
                             connection_output_bytes(connection));
    if (connection->deaf || connection->output_at == connection->output_len) {
        drop_output(connection);
    } else if (connection->output_at >= connection->output_capacity / 2) {
        connection->output_len -= connection->output_at;
        memmove(connection->output, connection->output + connection->output_at,
                connection->output_len);
        connection->output_at = 0;
    }
}

void connection_write(struct connection *connection, const char *bytes, size_t len)
{
    if (connection->closed)
        return;
    size_t done = connection->output ? 0 : write_some(connection, bytes, len);
    connection_append(connection, bytes + done, len - done);
}

/* --- reading ------------------------------------------------------------------------------- */

size_t connection_read(struct connection *connection, char *bytes, size_t size)
{
    if (connection->closed || connection->ended)
        return 0;
    for (;;) {
        ssize_t got = recv(connection->fd, bytes, size, MSG_DONTWAIT);
        if (got > 0)
            return (size_t)got;
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            connection->ended = true;
        return 0;
    }
}

/* What came of descriptors with a message. */
static unsigned take_descriptors(struct msghdr *message, int *fds, unsigned room)
{
    unsigned count = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t bytes = head->cmsg_len - CMSG_LEN(0);
        for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + at, sizeof(fd));
            if (count < room)
                fds[count++] = fd;
            else
                close(fd); /* the padding had room for it */
        }
    }
    return count;
}

size_t connection_read_with(struct connection *connection, char *bytes, size_t size, int *fds,
                            unsigned room, unsigned *ret_count, bool *ret_cut)
{
    *ret_count = 0;
    *ret_cut = false;
    if (connection->closed || connection->ended)
        return 0;
    for (;;) {
        alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
        struct iovec vector = {bytes, size};
        CHECK(room <= DESCRIPTORS_MAX);
        /* Without room for one the kernel closes it, and says so. */
        struct msghdr message = {.msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = room ? CMSG_LEN(room * sizeof(int)) : 0};
        ssize_t got = recvmsg(connection->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got >= 0) {
            *ret_count = take_descriptors(&message, fds, room);
            *ret_cut = message.msg_flags & (MSG_CTRUNC | MSG_TRUNC);
        }
        if (got > 0)
            return (size_t)got;
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            connection->ended = true;
        return 0;
    }
}

/* --- ending -------------------------------------------------------------------------------- */

/* A turn of one that is finishing. */
static void go_on_finishing(struct connection *connection)
{
    struct loop *loop = connection->loop;
    connection_flush(connection);
    if (connection_has_output(connection)) {
        connection_want(connection, EPOLLOUT);
        return;
    }
    if (!connection->shut) {
        connection->shut = true;
        (void)shutdown(connection->fd, SHUT_WR);
        connection->linger_until_ns = loop->now_ns + LINGER_MS_MAX * 1000000ll;
        connection_deadline(connection, DEADLINE_LINGER);
    }
    /* One read a turn: a peer that sends without end must not hold the others up. */
    size_t got = connection_read(connection, loop->input, sizeof(loop->input));
    connection->dropped += (uint32_t)got;
    bool cut = connection->dropped > LINGER_BYTES_MAX || loop->now_ns > connection->linger_until_ns;
    if (connection->ended || connection->deaf || cut) {
        if (cut)
            net_count(&loop->stats.lingers_cut);
        connection_close(connection);
        return;
    }
    if (got > 0)
        connection_deadline(connection, DEADLINE_LINGER);
    connection_want(connection, EPOLLIN);
}

bool connection_has_left(const struct connection *connection)
{
    struct pollfd look = {.fd = connection->fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) == 1 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

void connection_finish(struct connection *connection)
{
    if (connection->closed || connection->finishing)
        return;
    connection->finishing = true;
    list_remove(&connection->ready);
    connection_deadline(connection, DEADLINE_ANSWER);
    go_on_finishing(connection);
}

static void leave(struct connection *connection)
{
    struct loop *loop = connection->loop;
    connection_deadline(connection, DEADLINE_NONE);
    list_remove(&connection->ready);
    list_remove(&connection->all);
    list_add(&loop->closed, &connection->all);
    connection->closed = true;
    loop->freed = true;
    connection->operations->on_closed(connection);
}

void connection_close(struct connection *connection)
{
    if (connection->closed)
        return;
    /* To close it takes it out of the epoll set only where no forked child has a copy, and whoever
     * embeds us may have any number of those: its events would come to freed memory. */
    loop_forget(connection->loop, connection->fd);
    close(connection->fd);
    connection->fd = -1;
    leave(connection);
}

void connection_release(struct connection *connection)
{
    if (connection->closed)
        return;
    CHECK(connection->interest == 0);
    connection->fd = -1;
    leave(connection);
}

void connection_deinit(struct connection *connection)
{
    drop_output(connection);
}

/* --- turns --------------------------------------------------------------------------------- */

static void on_event(struct source *source)
{
    struct connection *connection = (struct connection *)source;
    if (connection->closed)
        return;
    if (connection->finishing)
        go_on_finishing(connection);
    else
        connection->operations->on_event(connection);
    connection_settle(connection);
}

void connection_serve_ready(struct loop *loop)
{
    struct link *last = loop->ready.previous;
    while (!list_is_empty(&loop->ready)) {
        struct link *link = loop->ready.next;
        struct connection *connection = LINK_OWNER(link, struct connection, ready);
        list_remove(link);
        connection->operations->on_ready(connection);
        connection_settle(connection);
        if (link == last)
            return;
    }
}

static void expire(struct connection *connection)
{
    struct net_stats *stats = &connection->loop->stats;
    switch ((enum deadline_kind)connection->deadline.kind) {
    case DEADLINE_HEAD:
    case DEADLINE_BODY:
    case DEADLINE_ROOM:
    case DEADLINE_AUTHORIZE:
    case DEADLINE_DECIDE:
    case DEADLINE_QUESTION:
        connection->operations->on_expired(connection);
        connection_settle(connection);
        return;
    case DEADLINE_FIRST:
        net_count(&stats->timeouts_first);
        break;
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

void connection_expire(struct loop *loop)
{
    struct deadline *deadline;
    while ((deadline = loop_expired(loop)))
        expire(LINK_OWNER(deadline, struct connection, deadline));
}

/* --- making room --------------------------------------------------------------------------- */

/* Bytes that wait to be acted on: here, for its next turn, or in the socket. */
static bool has_input(const struct connection *connection)
{
    char byte;
    return link_is_listed(&connection->ready) ||
           recv(connection->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

/* The first of this kind that holds a place and for whom nothing has arrived that was not read yet.
 */
static struct deadline *longest(const struct loop *loop, enum deadline_kind kind)
{
    struct deadline *deadline = loop_first(loop, kind);
    for (unsigned tries = 0; deadline && tries < DISPLACE_TRIES;
         deadline = loop_after(loop, deadline)) {
        const struct connection *connection = LINK_OWNER(deadline, struct connection, deadline);
        if (connection->placeless)
            continue; /* there are REFUSALS_MAX of them at most */
        if (!has_input(connection))
            return deadline;
        tries++;
    }
    return NULL;
}

bool connection_displace(struct loop *loop)
{
    struct deadline *first = longest(loop, DEADLINE_FIRST);
    struct deadline *idle = longest(loop, DEADLINE_IDLE);
    if (!first || (idle && loop_since_ns(loop, idle) < loop_since_ns(loop, first)))
        first = idle;
    _Atomic uint64_t *count = &loop->stats.connections_displaced_idle;
    if (!first) {
        first = longest(loop, DEADLINE_LINGER);
        count = &loop->stats.connections_displaced_answered;
    }
    if (!first) {
        first = longest(loop, DEADLINE_HEAD);
        count = &loop->stats.connections_displaced_head;
        if (first && loop_since_ns(loop, first) > loop->now_ns - DISPLACE_HEAD_MS * 1000000ll)
            first = NULL;
    }
    if (!first)
        return false;
    net_count(count);
    connection_close(LINK_OWNER(first, struct connection, deadline));
    return true;
}

void connection_each(struct loop *loop, void (*each)(struct connection *connection))
{
    struct link *link = loop->open.next;
    while (link != &loop->open) {
        struct connection *connection = LINK_OWNER(link, struct connection, all);
        link = link->next;
        if (!connection->finishing) {
            each(connection);
            connection_settle(connection);
        }
    }
}

void connection_free_closed(struct loop *loop)
{
    while (!list_is_empty(&loop->closed)) {
        struct connection *connection = LINK_OWNER(loop->closed.next, struct connection, all);
        list_remove(&connection->all);
        loop_count_memory(loop, -(int64_t)connection->memory);
        connection->operations->free(connection);
    }
}

void connection_close_all(struct loop *loop)
{
    while (!list_is_empty(&loop->open))
        connection_close(LINK_OWNER(loop->open.next, struct connection, all));
    connection_free_closed(loop);
}
