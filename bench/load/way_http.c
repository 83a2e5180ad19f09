/* SPDX-License-Identifier: MIT */
/*
 * Publishing over HTTP/1.1: one request an event, on kept connections, up to `pipeline` requests
 * unanswered on each. Events of one connection keep their order; so one connection keeps the order
 * of all. The body is prefix + data + suffix, so that the same publisher serves every server that
 * is measured. See publish.h.
 */
#include "bench/load/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/marker.h"

#define ANSWER_BYTES    (64u << 10)
#define CONNECTIONS_MAX 256u

struct connection {
    int fd;
    uint32_t unanswered;
    char *out;
    size_t out_size, out_begin, out_end;
    char *in; /* ANSWER_BYTES */
    size_t in_len;
    bool broken;
};

struct way_http {
    struct way way;
    const struct publish_options *options;
    const char *host; /* with port */
    struct connection connections[CONNECTIONS_MAX];
    uint32_t count, next;
    bool finished;
};

static void note_refused(struct way_http *http, const char *text, int len)
{
    if (!http->way.counts.refused++)
        snprintf(http->way.counts.fault, sizeof(http->way.counts.fault), "%.*s", len, text);
}

/* --- requests ------------------------------------------------------------------------------- */

static void reserve(struct connection *connection, size_t more)
{
    if (connection->out_end + more <= connection->out_size)
        return;
    connection->out_size = connection->out_end + more;
    connection->out = realloc(connection->out, connection->out_size);
    if (!connection->out)
        abort();
}

static bool http_put(struct way *way, const char *channel, const char *data, size_t len)
{
    struct way_http *http = (struct way_http *)way;
    const struct publish_options *options = http->options;
    struct connection *connection = NULL;
    for (uint32_t i = 0; i < http->count && !connection; i++) {
        struct connection *other = &http->connections[(http->next + i) % http->count];
        if (!other->broken && other->unanswered < options->pipeline)
            connection = other;
    }
    if (!connection)
        return false;
    http->next = (uint32_t)(connection - http->connections + 1) % http->count;
    size_t prefix = strlen(options->prefix), suffix = strlen(options->suffix);
    reserve(connection, 1024 + strlen(options->headers) + prefix + len + suffix);
    const char *mark = strstr(options->target, "%c");
    int before = mark ? (int)(mark - options->target) : (int)strlen(options->target);
    char *at = connection->out + connection->out_end;
    at += snprintf(at, 1024 + strlen(options->headers),
                   "%s %.*s%s%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %zu\r\n\r\n",
                   options->method, before, options->target, mark ? channel : "",
                   mark ? mark + 2 : "", http->host, options->headers, prefix + len + suffix);
    memcpy(at, options->prefix, prefix);
    memcpy(at + prefix, data, len);
    memcpy(at + prefix + len, options->suffix, suffix);
    connection->out_end = (size_t)(at + prefix + len + suffix - connection->out);
    connection->unanswered++;
    return true;
}

/* --- answers -------------------------------------------------------------------------------- */

static const char *field_of(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = head; at + len < end; at++)
        if (at[-1] == '\n' && strncasecmp(at, name, len) == 0)
            return at + len;
    return NULL;
}

/* The length of one whole answer at the begin of `bytes`; 0 if it is not whole yet. */
static size_t answer_length(const char *bytes, size_t len)
{
    const char *head_end = memmem(bytes, len, "\r\n\r\n", 4);
    if (!head_end || head_end == bytes)
        return 0;
    size_t head = (size_t)(head_end + 4 - bytes);
    const char *length = field_of(bytes + 1, head_end + 2, "content-length:");
    const char *coding = field_of(bytes + 1, head_end + 2, "transfer-encoding:");
    if (coding) {
        const char *last = memmem(bytes + head, len - head, "0\r\n\r\n", 5);
        return last ? (size_t)(last + 5 - bytes) : 0;
    }
    size_t whole = head + (length ? strtoul(length, NULL, 10) : 0);
    return whole <= len ? whole : 0;
}

static void read_answers(struct way_http *http, struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->in + connection->in_len,
                       ANSWER_BYTES - connection->in_len, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        note_refused(http, "the server closed a publisher's connection", 64);
        http->way.counts.refused += connection->unanswered;
        connection->unanswered = 0;
        connection->broken = true;
        http->way.broken = true;
        return;
    }
    connection->in_len += (size_t)got;
    size_t at = 0, whole;
    while (connection->unanswered &&
           (whole = answer_length(connection->in + at, connection->in_len - at)) > 0) {
        if (connection->in[at + 9] == '2')
            http->way.counts.accepted++;
        else
            note_refused(http, connection->in + at, 60);
        connection->unanswered--;
        at += whole;
    }
    connection->in_len -= at;
    memmove(connection->in, connection->in + at, connection->in_len);
}

static void write_some(struct connection *connection)
{
    while (connection->out_begin < connection->out_end) {
        ssize_t put =
            send(connection->fd, connection->out + connection->out_begin,
                 connection->out_end - connection->out_begin, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0)
            return;
        connection->out_begin += (size_t)put;
    }
    connection->out_begin = connection->out_end = 0;
}

static void http_turn(struct way *way, uint64_t until_us)
{
    struct way_http *http = (struct way_http *)way;
    struct pollfd fds[CONNECTIONS_MAX];
    bool busy = true;
    for (uint32_t i = 0; i < http->count; i++) {
        struct connection *connection = &http->connections[i];
        write_some(connection);
        bool writes = connection->out_begin < connection->out_end;
        fds[i] = (struct pollfd){.fd = connection->broken ? -1 : connection->fd,
                                 .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
        busy &= connection->unanswered >= http->options->pipeline || connection->broken;
    }
    if (!busy && !http->finished && until_us == UINT64_MAX)
        return; /* there is room now */
    uint64_t now_us = clock_us(), wait_us = until_us > now_us ? until_us - now_us : 0;
    if (wait_us > 100000)
        wait_us = 100000;
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / 1000000),
                               .tv_nsec = (long)(wait_us % 1000000) * 1000};
    if (ppoll(fds, http->count, &timeout, NULL) <= 0)
        return;
    for (uint32_t i = 0; i < http->count; i++)
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
            read_answers(http, &http->connections[i]);
}

/* --- life ----------------------------------------------------------------------------------- */

static void http_finish(struct way *way)
{
    ((struct way_http *)way)->finished = true;
}

static bool http_is_done(const struct way *way)
{
    const struct way_http *http = (const struct way_http *)way;
    for (uint32_t i = 0; i < http->count; i++)
        if (http->connections[i].unanswered)
            return false;
    return true;
}

static void http_close(struct way *way)
{
    struct way_http *http = (struct way_http *)way;
    for (uint32_t i = 0; i < http->count; i++) {
        close(http->connections[i].fd);
        free(http->connections[i].out);
        free(http->connections[i].in);
    }
    free(http);
}

static const struct way_operations http_operations = {
    .put = http_put,
    .turn = http_turn,
    .finish = http_finish,
    .is_done = http_is_done,
    .close = http_close,
};

static int connect_to(const char *host_and_port)
{
    char host[64];
    snprintf(host, sizeof(host), "%s", host_and_port);
    char *colon = strrchr(host, ':');
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (!colon)
        return -EINVAL;
    *colon = '\0';
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
        return -EINVAL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        int r = -errno;
        if (fd >= 0)
            close(fd);
        return r;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

struct way *way_http_open(const struct publish_options *options, char *error, size_t size)
{
    struct way_http *http = calloc(1, sizeof(*http));
    if (!http)
        abort();
    http->way.operations = &http_operations;
    http->options = options;
    http->host = options->to + 7;
    uint32_t wanted =
        options->connections < CONNECTIONS_MAX ? options->connections : CONNECTIONS_MAX;
    for (; http->count < wanted; http->count++) {
        struct connection *connection = &http->connections[http->count];
        connection->fd = connect_to(http->host);
        connection->in = malloc(ANSWER_BYTES);
        if (connection->fd < 0 || !connection->in) {
            snprintf(error, size, "cannot connect to %s: %s", options->to,
                     strerror(connection->fd < 0 ? -connection->fd : ENOMEM));
            http_close(&http->way);
            return NULL;
        }
    }
    return &http->way;
}
