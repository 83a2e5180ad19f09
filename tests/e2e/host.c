/* SPDX-License-Identifier: MIT */
/* A program with connections to hand over: see host.h. */
#include "tests/e2e/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"

void host_open(struct host *host, const struct server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    *host = (struct host){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(bind(host->listener, (struct sockaddr *)&at, len) == 0 &&
                listen(host->listener, 128) == 0 &&
                getsockname(host->listener, (struct sockaddr *)&at, &len) == 0,
            "a listener: %s", strerror(errno));
    host->port = ntohs(at.sin_port);
    host->feed = connect_unix(server->feed);
}

void host_close(struct host *host)
{
    close(host->listener);
    close(host->feed);
}

int host_visit(struct host *host, struct stream *stream, const char *request)
{
    const struct server at = {.port = host->port};
    char bytes[1024];
    size_t len = strlen(request);
    stream_init(stream, connect_tcp(&at, 0), NULL, NULL);
    int fd = accept4(host->listener, NULL, NULL, SOCK_CLOEXEC);
    REQUIRE(fd >= 0, "accept: %s", strerror(errno));
    REQUIRE(len < sizeof(bytes) && send(stream->fd, request, len, 0) == (ssize_t)len &&
                recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len,
            "the request: %s", strerror(errno));
    return fd;
}

void send_descriptors(int socket, const char *bytes, size_t len, const int *fds, unsigned count)
{
    alignas(struct cmsghdr) char control[CMSG_SPACE(256 * sizeof(int))] = {0};
    struct iovec vector = {(char *)bytes, len};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    }
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    REQUIRE(sent == (ssize_t)len, "sendmsg: %zd of %zu: %s", sent, len, strerror(errno));
}

bool receive_answer(int socket, char *answer, size_t size)
{
    size_t len = 0;
    int type = SOCK_STREAM;
    (void)getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof(type)});
    for (;;) {
        struct pollfd ready = {.fd = socket, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "no answer; so far: %.*s", (int)len, answer);
        ssize_t got = recv(socket, answer + len, type == SOCK_STREAM ? 1 : size - 1, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        REQUIRE(len < size, "a long answer");
        answer[len] = '\0';
        if (type != SOCK_STREAM || (len >= 2 && memcmp(answer + len - 2, "\n\n", 2) == 0))
            return true;
    }
}

static size_t put_string(char *out, const char *text, size_t len)
{
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            out[at++] = '\\';
        out[at++] = text[i];
    }
    out[at++] = '"';
    return at;
}

/* Every member an array of what the lines of its name have; the last comma is left out. */
static size_t json_of(const char *lines, char *out)
{
    static const char *const names[] = {"adopt", "header", "first",    "last-event-id", "head",
                                        "http",  "limit",  "lifetime", "last",          "tag"};
    size_t at = 0;
    out[at++] = '{';
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t name_len = strlen(names[i]);
        unsigned count = 0;
        for (const char *line = lines; *line; line = strchr(line, '\n') + 1) {
            if (strncmp(line, names[i], name_len) != 0 || line[name_len] != ':')
                continue;
            const char *value = line + name_len + 1;
            value += *value == ' ';
            if (count++ == 0) {
                at += put_string(out + at, names[i], name_len);
                out[at++] = ':';
                out[at++] = '[';
            }
            at += put_string(out + at, value, strcspn(value, "\n"));
            out[at++] = ',';
        }
        if (count > 0) {
            out[at - 1] = ']';
            out[at++] = ',';
        }
    }
    out[at > 1 ? at - 1 : at] = '}';
    return at > 1 ? at : at + 1;
}

void host_give(struct host *host, const char *lines, int fd, char *answer, size_t size)
{
    char text[8192];
    if (host->door == DOOR_FEED) {
        int len = snprintf(text, sizeof(text), "%sack: 1\n\n", lines);
        send_descriptors(host->feed, text, (size_t)len, &fd, 1);
        REQUIRE(receive_answer(host->feed, answer, size), "the feed has ended");
        return;
    }
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, host->handoff, sizeof(at.sun_path));
    REQUIRE(connect(door, (struct sockaddr *)&at, sizeof(at)) == 0, "%s: %s", host->handoff,
            strerror(errno));
    size_t len = strlen(lines);
    if (host->door == DOOR_JSON)
        len = json_of(lines, text);
    else
        memcpy(text, lines, len);
    send_descriptors(door, text, len, &fd, 1);
    REQUIRE(receive_answer(door, answer, size), "no answer");
    close(door);
}

void expect_closed(int fd)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN | POLLRDHUP};
        char bytes[4096];
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "it is still open");
        ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN) || (ready.revents & (POLLHUP | POLLERR)))
            return;
    }
}

int lone(int *ret_fd)
{
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    *ret_fd = pair[1];
    return pair[0];
}
