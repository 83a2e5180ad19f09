/* SPDX-License-Identifier: MIT */
/* The reference SSE client of the end-to-end programs; see stream.h. */
#include "tests/e2e/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"

enum { CHUNK_SIZE, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_CR, CHUNK_LF, CHUNK_LAST_CR, CHUNK_LAST_LF };

static void grow(struct growing *text, const char *bytes, size_t len)
{
    if (text->len + len + 1 > text->size) {
        text->size = (uint32_t)(text->len + len + 1) * 2;
        text->at = realloc(text->at, text->size);
        REQUIRE(text->at, "out of memory");
    }
    memcpy(text->at + text->len, bytes, len);
    text->len += (uint32_t)len;
    text->at[text->len] = '\0';
}

void stream_init(struct stream *stream, int fd, stream_on_event *on_event, void *context)
{
    memset(stream, 0, sizeof(*stream));
    stream->fd = fd;
    stream->on_event = on_event;
    stream->context = context;
    stream->retry = -1;
}

void stream_send_request(struct stream *stream, const char *target, const char *fields)
{
    struct client client = {.fd = stream->fd};
    char head[12000];

    int len = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n", target,
                       fields ? fields : "");
    REQUIRE(len > 0 && (size_t)len < sizeof(head), "a head of %d bytes", len);
    REQUIRE(client_send(&client, head, (size_t)len), "GET %s: closed", target);
}

void stream_open(struct stream *stream, const struct server *server, const char *target,
                 const char *fields)
{
    stream_init(stream, connect_tcp(server, 0), NULL, NULL);
    stream_send_request(stream, target, fields);
}

void stream_open_small(struct stream *stream, const struct server *server, const char *target,
                       int buffer_bytes)
{
    stream_init(stream, connect_tcp(server, 0), NULL, NULL);
    setsockopt(stream->fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    stream_send_request(stream, target, NULL);
    stream_await_head(stream);
}

void event_free(struct stream_event *event)
{
    free(event->type);
    free(event->data);
    free(event->id);
    memset(event, 0, sizeof(*event));
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    for (unsigned i = 0; i < stream->waiting_count; i++)
        event_free(&stream->waiting[i]);
    free(stream->waiting);
    free(stream->line.at);
    free(stream->data.at);
    free(stream->head);
    stream_init(stream, -1, NULL, NULL);
}

static void keep_event(struct stream *stream, const struct stream_event *event)
{
    if (stream->waiting_count == stream->waiting_size) {
        stream->waiting_size = stream->waiting_size ? stream->waiting_size * 2 : 8;
        stream->waiting = realloc(stream->waiting, stream->waiting_size * sizeof(*stream->waiting));
        REQUIRE(stream->waiting, "out of memory");
    }
    struct stream_event *kept = &stream->waiting[stream->waiting_count++];
    kept->type = strdup(event->type);
    kept->id = strdup(event->id);
    kept->data = malloc(event->data_len + 1);
    REQUIRE(kept->type && kept->id && kept->data, "out of memory");
    memcpy(kept->data, event->data, event->data_len + 1);
    kept->data_len = event->data_len;
}

/* A blank line: "dispatch the event". */
static void dispatch(struct stream *stream)
{
    memcpy(stream->last_id, stream->id_buffer, sizeof(stream->last_id));
    if (stream->data.len == 0) {
        stream->type[0] = '\0';
        return;
    }
    stream->data.len--;
    stream->data.at[stream->data.len] = '\0';
    struct stream_event event = {.type = stream->type[0] ? stream->type : (char[]){"message"},
                                 .data = stream->data.at,
                                 .data_len = stream->data.len,
                                 .id = stream->last_id};
    stream->seen++;
    if (stream->on_event)
        stream->on_event(stream, &event);
    else
        keep_event(stream, &event);
    stream->data.len = 0;
    stream->type[0] = '\0';
}

static void field(struct stream *stream, const char *name, size_t name_len, const char *value,
                  size_t len)
{
    if (name_len == 4 && memcmp(name, "data", 4) == 0) {
        grow(&stream->data, value, len);
        grow(&stream->data, "\n", 1);
    } else if (name_len == 5 && memcmp(name, "event", 5) == 0) {
        REQUIRE(len < sizeof(stream->type), "an event type of %zu bytes", len);
        memcpy(stream->type, value, len);
        stream->type[len] = '\0';
    } else if (name_len == 2 && memcmp(name, "id", 2) == 0) {
        REQUIRE(len < sizeof(stream->id_buffer), "an id of %zu bytes", len);
        EXPECT(!memchr(value, '\0', len), "a NUL in an id");
        memcpy(stream->id_buffer, value, len);
        stream->id_buffer[len] = '\0';
        stream->ids++;
    } else if (name_len == 5 && memcmp(name, "retry", 5) == 0) {
        stream->retry = strtol(value, NULL, 10);
    } else {
        EXPECT(false, "a field \"%.*s\"", (int)name_len, name);
    }
}

static void line_done(struct stream *stream)
{
    const char *line = stream->line.at;
    size_t len = stream->line.len;

    if (len == 0) {
        dispatch(stream);
        return;
    }
    stream->line.len = 0;
    if (line[0] == ':') {
        stream->comments++;
        return;
    }
    const char *colon = memchr(line, ':', len);
    if (!colon) {
        field(stream, line, len, "", 0);
        return;
    }
    const char *value = colon + 1;
    size_t value_len = len - (size_t)(value - line);
    if (value_len && *value == ' ') {
        value++;
        value_len--;
    }
    field(stream, line, (size_t)(colon - line), value, value_len);
}

/* Event-stream text, cut anywhere. */
static void parse_text(struct stream *stream, const char *bytes, size_t len)
{
    const char *end = bytes + len;

    while (bytes < end) {
        if (stream->after_cr && *bytes == '\n') {
            stream->after_cr = false;
            bytes++;
            continue;
        }
        stream->after_cr = false;
        const char *stop = bytes;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        grow(&stream->line, bytes, (size_t)(stop - bytes));
        if (stop == end)
            return;
        stream->after_cr = *stop == '\r';
        line_done(stream);
        bytes = stop + 1;
    }
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* One byte of chunk framing; everything here is checked, for a broken frame breaks all after it. */
static void chunk_byte(struct stream *stream, char c)
{
    switch (stream->chunk_state) {
    case CHUNK_SIZE:
        if (c == '\r') {
            stream->chunk_state = CHUNK_SIZE_LF;
            return;
        }
        REQUIRE(hex_digit(c) >= 0, "0x%02x in a chunk size after %llu events", (unsigned char)c,
                (unsigned long long)stream->seen);
        REQUIRE(stream->chunk_left < 1u << 27, "a chunk size of over 2 GiB");
        stream->chunk_left = stream->chunk_left * 16 + (uint32_t)hex_digit(c);
        return;
    case CHUNK_SIZE_LF:
        REQUIRE(c == '\n', "0x%02x after a chunk size", (unsigned char)c);
        stream->chunk_state = stream->chunk_left ? CHUNK_DATA : CHUNK_LAST_CR;
        return;
    case CHUNK_CR:
    case CHUNK_LAST_CR:
        REQUIRE(c == '\r', "0x%02x after a chunk", (unsigned char)c);
        stream->chunk_state++;
        return;
    case CHUNK_LF:
        REQUIRE(c == '\n', "0x%02x after a chunk", (unsigned char)c);
        stream->chunk_state = CHUNK_SIZE;
        return;
    default:
        REQUIRE(c == '\n', "0x%02x after the last chunk", (unsigned char)c);
        stream->ended = true;
        EXPECT_INT(stream->line.len, 0);
        EXPECT_INT(stream->data.len, 0);
    }
}

static void parse_body(struct stream *stream, const char *bytes, size_t len)
{
    if (!stream->chunked) {
        parse_text(stream, bytes, len);
        return;
    }
    while (len > 0) {
        REQUIRE(!stream->ended, "%zu bytes after the last chunk", len);
        if (stream->chunk_state != CHUNK_DATA) {
            chunk_byte(stream, *bytes++);
            len--;
            continue;
        }
        size_t part = len < stream->chunk_left ? len : stream->chunk_left;
        parse_text(stream, bytes, part);
        bytes += part;
        len -= part;
        stream->chunk_left -= (uint32_t)part;
        if (stream->chunk_left == 0)
            stream->chunk_state = CHUNK_CR;
    }
}

static size_t parse_head(struct stream *stream, const char *bytes, size_t len)
{
    uint32_t before = stream->line.len;

    grow(&stream->line, bytes, len);
    char *end = memmem(stream->line.at, stream->line.len, "\r\n\r\n", 4);
    if (!end) {
        REQUIRE(stream->line.len < 65536, "no end of the head in %u bytes", stream->line.len);
        return len;
    }
    size_t head_len = (size_t)(end - stream->line.at);
    *end = '\0';
    REQUIRE(sscanf(stream->line.at, "HTTP/1.%*1[01] %d", &stream->status) == 1,
            "not a status line: %.80s", stream->line.at);
    const char *coding = head_field(stream->line.at, "transfer-encoding");
    stream->chunked = coding && strcasecmp(coding, "chunked") == 0;
    if (!stream->on_event)
        stream->head = strdup(stream->line.at);
    stream->line.len = 0;
    return head_len + 4 - before;
}

void stream_parse(struct stream *stream, const char *bytes, size_t len)
{
    stream->bytes += len;
    if (!stream->status) {
        size_t used = parse_head(stream, bytes, len);
        bytes += used;
        len -= used;
    }
    if (len > 0 && stream->status != 200) {
        grow(&stream->line, bytes, len); /* A refusal: its text stays in `line`. */
        return;
    }
    if (len > 0)
        parse_body(stream, bytes, len);
}

bool stream_take(struct stream *stream, size_t size)
{
    static _Thread_local char buffer[65536];

    while (size > 0) {
        size_t part = size < sizeof(buffer) ? size : sizeof(buffer);
        ssize_t got = recv(stream->fd, buffer, part, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0) {
            stream->closed = true;
            stream->reset = got < 0;
            return false;
        }
        stream_parse(stream, buffer, (size_t)got);
        size -= (size_t)got;
    }
    return true;
}

/* Until `end_ms`, which what comes meanwhile (a heartbeat, say) puts off no further. */
static void stream_wait(struct stream *stream, const char *what, int64_t end_ms)
{
    struct pollfd ready = {.fd = stream->fd, .events = POLLIN};
    int64_t left_ms = end_ms - check_now_ms();

    REQUIRE(left_ms > 0 && poll(&ready, 1, (int)left_ms) == 1,
            "no %s within %d ms; %llu events so far, last id %s", what, DEADLINE_MS,
            (unsigned long long)stream->seen, stream->last_id);
    stream_take(stream, 65536);
}

void stream_await_head(struct stream *stream)
{
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while (!stream->status) {
        REQUIRE(!stream->closed, "closed before the head was complete");
        stream_wait(stream, "head", end_ms);
    }
}

void stream_await_id(struct stream *stream)
{
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while (!stream->last_id[0]) {
        REQUIRE(!stream->closed, "closed before the first id");
        stream_wait(stream, "id", end_ms);
    }
}

bool stream_next(struct stream *stream, struct stream_event *ret_event)
{
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while (stream->waiting_count == 0) {
        if (stream->closed)
            return false;
        stream_wait(stream, "event", end_ms);
    }
    *ret_event = stream->waiting[0];
    stream->waiting_count--;
    memmove(stream->waiting, stream->waiting + 1, stream->waiting_count * sizeof(*stream->waiting));
    return true;
}

void stream_expect(struct stream *stream, const char *type, const char *data, char ret_id[136])
{
    struct stream_event event;

    REQUIRE(stream_next(stream, &event), "the stream ended; wanted %s \"%s\"", type,
            data ? data : "(any)");
    EXPECT(strcmp(event.type, type) == 0, "seen type \"%s\" with data \"%.200s\", wanted \"%s\"",
           event.type, event.data, type);
    if (data)
        EXPECT(event.data_len == strlen(data) && memcmp(event.data, data, event.data_len) == 0,
               "seen %zu bytes \"%.200s\" (id %s), wanted %zu bytes \"%.200s\"", event.data_len,
               event.data, event.id, strlen(data), data);
    if (ret_id)
        snprintf(ret_id, 136, "%s", event.id);
    event_free(&event);
}

void stream_expect_end(struct stream *stream)
{
    struct stream_event event;

    if (stream_next(stream, &event)) {
        EXPECT(false, "one more event: type %s, data \"%.200s\"", event.type, event.data);
        event_free(&event);
    }
    EXPECT(!stream->reset, "the connection was reset");
    if (stream->chunked)
        EXPECT(stream->ended, "no last chunk");
}

const char *stream_field(const struct stream *stream, const char *name)
{
    return stream->head ? head_field(stream->head, name) : NULL;
}

void stream_expect_serving(struct stream *stream, const struct server *server, const char *channel,
                           const char *text)
{
    struct client client;

    client_open(&client, server);
    publish(&client, channel, text, NULL);
    stream_expect(stream, "message", text, NULL);
    client_close(&client);
}
