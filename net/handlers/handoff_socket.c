/* SPDX-License-Identifier: MIT */
/* Takes connections over, one a message: see handoff_socket.h. */
#include "net/handlers/handoff_socket.h"

#include <errno.h>
#include <sys/socket.h>

#include "engine/subscriber_id.h"
#include "net/given.h"
#include "net/handlers/handoff_message.h"
#include "net/listener.h"

struct door {
    struct connection connection; /* first */
};

static const struct connection_operations operations;

/* --- answers ------------------------------------------------------------------------------- */

#define ANSWER_ROOM (2 * HANDOVER_ERROR_ROOM + 64)

/* {"NAME": "VALUE"}; its length. Values are sentences of ours, and ids. */
static size_t make_answer(char out[ANSWER_ROOM], const char *name, struct text value)
{
    size_t len = (size_t)snprintf(out, ANSWER_ROOM, "{\"%s\": \"", name);
    for (size_t i = 0; i < value.len && len < ANSWER_ROOM - 4; i++) {
        unsigned char byte = (unsigned char)value.at[i];
        if (byte == '"' || byte == '\\')
            out[len++] = '\\';
        out[len++] = byte >= ' ' && byte < 0x7f ? (char)byte : '?';
    }
    memcpy(out + len, "\"}", 2);
    return len + 2;
}

/* Whole or not at all; who takes no answers has no more questions. */
static void answer(struct connection *connection, const char *name, struct text value)
{
    char text[ANSWER_ROOM];
    size_t len = make_answer(text, name, value);
    ssize_t sent = send(connection->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        connection_close(connection);
}

static size_t door_refusal(struct service *service, const struct listener *listener, int fd,
                           const struct refusal *refusal, char *out, size_t size)
{
    (void)service, (void)listener, (void)fd;
    CHECK(size >= ANSWER_ROOM);
    return make_answer(out, "error", text_of(refusal->sentence));
}

/* --- messages ------------------------------------------------------------------------------ */

static void take(struct connection *connection, struct text text, int fd)
{
    struct service *service = service_of(connection);
    struct handoff_message message;
    char error[HANDOVER_ERROR_ROOM], id[SUBSCRIBER_ID_LEN];
    uint64_t subscriber;
    handoff_message_read(&message, text);
    if (handover_run(service, &message.handover, fd, &subscriber, error)) {
        answer(connection, "error", text_of(error));
    } else {
        subscriber_id_format(id, subscriber);
        answer(connection, "subscriber", (struct text){id, sizeof(id)});
    }
    handoff_message_deinit(&message);
}

/* The next message. False: there is none now. */
static bool serve(struct connection *connection)
{
    struct loop *loop = connection->loop;
    int fds[2];
    unsigned count;
    bool cut;
    size_t len = connection_read_with(connection, loop->input, sizeof(loop->input), fds,
                                      sizeof(fds) / sizeof(fds[0]), &count, &cut);
    if (len == 0 && count == 0) {
        if (connection->ended)
            connection_close(connection);
        return false;
    }
    if (!cut && count == 1) {
        take(connection, (struct text){loop->input, len}, fds[0]);
        return !connection->closed;
    }
    net_count(&loop->stats.adopt_refused);
    while (count > 0)
        given_close(fds[--count]);
    answer(connection, "error",
           cut ? TEXT("the message is longer than 65536 bytes, has more than one descriptor, or "
                      "none is free here")
               : TEXT("the message has not one descriptor"));
    return !connection->closed;
}

static void turn(struct connection *connection)
{
    for (unsigned i = 0; i < TURN_EVENTS; i++)
        if (!serve(connection))
            return;
    connection_ready(connection);
}

/* --- life ---------------------------------------------------------------------------------- */

static struct connection *door_new(struct service *service, const struct listener *listener, int fd)
{
    (void)listener;
    struct door *door = calloc(1, sizeof(*door));
    if (!door)
        return NULL;
    connection_init(&door->connection, &service->loop, &operations, fd);
    return &door->connection;
}

static void door_start(struct connection *connection)
{
    connection_want(connection, EPOLLIN);
}

static const char *door_check(const struct service *service, int fd)
{
    const struct server_options *options = &service->limits.options;
    return listener_peer_may(fd, options->handoff_uid, options->handoff_gid)
               ? NULL
               : "this user or group may not hand connections over here";
}

static void on_limits(struct connection *connection)
{
    (void)connection;
}

static void on_closed(struct connection *connection)
{
    service_leave(service_of(connection));
}

static size_t door_memory(const struct connection *connection)
{
    return sizeof(struct door) + connection->output_capacity;
}

static void door_free(struct connection *connection)
{
    connection_deinit(connection);
    free(connection);
}

static const struct connection_operations operations = {
    .on_event = turn,
    .on_ready = turn,
    .on_limits = on_limits,
    .on_stop = connection_close,
    .on_closed = on_closed,
    .memory = door_memory,
    .free = door_free,
};

const struct connection_kind handoff_socket_kind = {
    .new = door_new,
    .start = door_start,
    .check = door_check,
    .refusal = door_refusal,
    .reserved = CONNECTIONS_FOR_HEALTH + CONNECTIONS_FOR_HANDOFFS,
};
