/* SPDX-License-Identifier: MIT */
/* Sockets, HTTP answers and feed receipts for the end-to-end programs; see client.h. */
#include "tests/e2e/client.h"

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
#include <sys/un.h>
#include <unistd.h>

#include "tests/e2e/check.h"

int connect_tcp(const struct server *server, unsigned source)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    REQUIRE(fd >= 0, "socket: %s", strerror(errno));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (source) {
        from.sin_addr.s_addr = htonl(0x7f010000u + 256 * (source / 250) + 1 + source % 250);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
        REQUIRE(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0, "bind: %s", strerror(errno));
    }
    int r = connect(fd, (struct sockaddr *)&to, sizeof(to));
    REQUIRE(r == 0 || errno == EINPROGRESS, "connect: %s", strerror(errno));
    return fd;
}

int connect_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    REQUIRE(fd >= 0, "socket: %s", strerror(errno));
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect %s: %s", path,
            strerror(errno));
    return fd;
}

void client_open(struct client *client, const struct server *server)
{
    memset(client, 0, sizeof(*client));
    client->fd = connect_tcp(server, 0);
}

void client_open_feed(struct client *client, const struct server *server)
{
    memset(client, 0, sizeof(*client));
    client->fd = connect_unix(server->feed);
}

void client_close(struct client *client)
{
    close(client->fd);
    free(client->bytes);
    memset(client, 0, sizeof(*client));
    client->fd = -1;
}

bool client_send(struct client *client, const char *bytes, size_t len)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;

    while (len > 0) {
        ssize_t sent = send(client->fd, bytes, len, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            len -= (size_t)sent;
            continue;
        }
        if (errno == EPIPE || errno == ECONNRESET)
            return false;
        REQUIRE(errno == EAGAIN, "send: %s", strerror(errno));
        struct pollfd ready = {.fd = client->fd, .events = POLLOUT};
        int64_t left = deadline - check_now_ms();
        REQUIRE(left > 0 && poll(&ready, 1, (int)left) == 1, "%zu bytes were not taken", len);
    }
    return true;
}

bool client_say(struct client *client, const char *text)
{
    return client_send(client, text, strlen(text));
}

void client_finish(struct client *client)
{
    shutdown(client->fd, SHUT_WR);
}

bool client_read(struct client *client)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};

    if (client->ended)
        return false;
    if (client->size - client->len < 16384) {
        client->size = client->size ? client->size * 2 : 32768;
        client->bytes = realloc(client->bytes, client->size);
        REQUIRE(client->bytes, "out of memory at %zu", client->size);
    }
    REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "nothing to read within %d ms; have \"%.*s\"",
            DEADLINE_MS, (int)(client->len < 300 ? client->len : 300), client->bytes);
    ssize_t got = recv(client->fd, client->bytes + client->len, client->size - client->len - 1, 0);
    if (got <= 0) {
        client->ended = true;
        client->reset = got < 0;
        return false;
    }
    client->len += (size_t)got;
    client->bytes[client->len] = '\0';
    return true;
}

static void client_drop(struct client *client, size_t len)
{
    memmove(client->bytes, client->bytes + len, client->len - len);
    client->len -= len;
    client->bytes[client->len] = '\0';
}

/* Moves `len` bytes of the input to the end of the body, reading as much as that needs. */
static bool body_take(struct client *client, struct answer *answer, size_t len)
{
    while (client->len < len)
        if (!client_read(client))
            return false;
    answer->body = realloc(answer->body, answer->body_len + len + 1);
    REQUIRE(answer->body, "out of memory");
    memcpy(answer->body + answer->body_len, client->bytes, len);
    answer->body_len += len;
    answer->body[answer->body_len] = '\0';
    client_drop(client, len);
    return true;
}

static bool body_chunked(struct client *client, struct answer *answer)
{
    for (;;) {
        char *end;
        while (!client->len || !(end = memmem(client->bytes, client->len, "\r\n", 2)))
            if (!client_read(client))
                return false;
        size_t size = strtoul(client->bytes, NULL, 16);
        client_drop(client, (size_t)(end - client->bytes) + 2);
        if (size > 0 && !body_take(client, answer, size))
            return false;
        while (client->len < 2)
            if (!client_read(client))
                return false;
        EXPECT(memcmp(client->bytes, "\r\n", 2) == 0, "a chunk ends with 0x%02x 0x%02x",
               client->bytes[0], client->bytes[1]);
        client_drop(client, 2);
        if (size == 0)
            return true;
    }
}

const char *head_field(const char *head, const char *name)
{
    static _Thread_local char value[1024];
    size_t len = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        line += len + 1;
        line += strspn(line, " \t");
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\r\n"), line);
        return value;
    }
    return NULL;
}

const char *answer_field(const struct answer *answer, const char *name)
{
    return head_field(answer->head, name);
}

static bool answer_head(struct client *client, struct answer *answer)
{
    char *end;

    while (!client->len || !(end = memmem(client->bytes, client->len, "\r\n\r\n", 4)))
        if (!client_read(client))
            return false;
    size_t len = (size_t)(end - client->bytes);
    REQUIRE(len < sizeof(answer->head), "a head of %zu bytes", len);
    memcpy(answer->head, client->bytes, len);
    answer->head[len] = '\0';
    client_drop(client, len + 4);
    REQUIRE(sscanf(answer->head, "HTTP/1.%*1[01] %d", &answer->status) == 1,
            "not a status line: %.80s", answer->head);
    return true;
}

bool client_answer(struct client *client, bool to_head, struct answer *ret_answer)
{
    memset(ret_answer, 0, sizeof(*ret_answer));
    do {
        if (!answer_head(client, ret_answer))
            return false;
    } while (ret_answer->status == 100);
    ret_answer->body = calloc(1, 1);
    REQUIRE(ret_answer->body, "out of memory");
    if (to_head || ret_answer->status == 204 || ret_answer->status == 304)
        return true;
    const char *coding = answer_field(ret_answer, "transfer-encoding");
    if (coding && strcasecmp(coding, "chunked") == 0)
        return body_chunked(client, ret_answer);
    const char *length = answer_field(ret_answer, "content-length");
    if (length)
        return body_take(client, ret_answer, strtoul(length, NULL, 10));
    while (client_read(client))
        continue;
    return body_take(client, ret_answer, client->len);
}

void client_request(struct client *client, const char *method, const char *target,
                    const char *fields, const char *body, size_t body_len,
                    struct answer *ret_answer)
{
    char head[9000];
    bool has_body = body_len > 0 || strcmp(method, "POST") == 0;
    char length[64] = "";

    if (has_body)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", body_len);
    int len = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: test\r\n%s%s\r\n", method,
                       target, length, fields ? fields : "");
    REQUIRE(len > 0 && (size_t)len < sizeof(head), "a head of %d bytes", len);
    REQUIRE(client_send(client, head, (size_t)len), "%s %s: closed", method, target);
    REQUIRE(client_send(client, body, body_len), "%s %s: closed in the body", method, target);
    REQUIRE(client_answer(client, strcmp(method, "HEAD") == 0, ret_answer), "%s %s: no answer",
            method, target);
}

bool client_ends(struct client *client)
{
    size_t before = client->len;

    while (client_read(client))
        continue;
    return client->len == before && before == 0;
}

void answer_free(struct answer *answer)
{
    free(answer->body);
    answer->body = NULL;
}

static void receipt_field(struct receipt *receipt, const char *line, int len)
{
    if (strncmp(line, "ack: ", 5) == 0)
        snprintf(receipt->ack, sizeof(receipt->ack), "%.*s", len - 5, line + 5);
    else if (strncmp(line, "id: ", 4) == 0)
        snprintf(receipt->id, sizeof(receipt->id), "%.*s", len - 4, line + 4);
    else if (strncmp(line, "error: ", 7) == 0)
        snprintf(receipt->error, sizeof(receipt->error), "%.*s", len - 7, line + 7);
    else
        EXPECT(false, "a feed answered with \"%.*s\"", len, line);
}

bool client_receipt(struct client *client, struct receipt *ret_receipt)
{
    memset(ret_receipt, 0, sizeof(*ret_receipt));
    for (;;) {
        char *end;
        while (!client->len || !(end = memchr(client->bytes, '\n', client->len)))
            if (!client_read(client))
                return false;
        int len = (int)(end - client->bytes);
        if (len > 0)
            receipt_field(ret_receipt, client->bytes, len);
        client_drop(client, (size_t)len + 1);
        if (len == 0)
            return true;
    }
}

void post_expect(const struct server *server, const char *target, const char *fields,
                 const char *body, int status, const char *wanted)
{
    struct client client;
    struct answer answer;

    client_open(&client, server);
    client_request(&client, "POST", target, fields, body, strlen(body), &answer);
    EXPECT(answer.status == status && strstr(answer.body, wanted), "POST %s %s: %d %s", target,
           body, answer.status, answer.body);
    answer_free(&answer);
    client_close(&client);
}

void publish(struct client *client, const char *channel, const char *text, char ret_id[160])
{
    struct answer answer;
    char target[800];

    snprintf(target, sizeof(target), "/publish/%s", channel);
    client_request(client, "POST", target, NULL, text, strlen(text), &answer);
    REQUIRE(answer.status == 200, "publish answers %d: %s", answer.status, answer.body);
    if (ret_id) {
        const char *list = strchr(answer.body, '[');
        const char *from = list ? strchr(list, '"') : NULL;
        const char *to = from ? strchr(from + 1, '"') : NULL;
        REQUIRE(to && to - from < 160, "no id in %s", answer.body);
        snprintf(ret_id, 160, "%.*s", (int)(to - from - 1), from + 1);
    }
    answer_free(&answer);
}

void publish_padded(struct client *client, const char *channel, const char *words, size_t bytes)
{
    char *text = malloc(bytes + 1);

    REQUIRE(text && strlen(words) < bytes, "a text of %zu bytes", bytes);
    memset(text, '.', bytes);
    text[bytes] = '\0';
    memcpy(text, words, strlen(words));
    text[strlen(words)] = ' ';
    publish(client, channel, text, NULL);
    free(text);
}
