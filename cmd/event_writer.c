/* SPDX-License-Identifier: MIT */
/*
 * Events as text, for publishing.
 *
 * line_next remembers nothing about a line that is not whole, so it looks at the beginning of a
 * long one again after each read; reads double with the buffer, which keeps that cheap.
 */
#include "cmd/event_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

enum { READ_BYTES_MIN = 65536 };

bool event_field_fits(const char *text)
{
    return text[strcspn(text, "\r\n")] == '\0';
}

static int field_write(struct buffer *out, struct text name, struct text value, size_t max)
{
    int r = buffer_add(out, name, max);
    if (r == 0)
        r = buffer_add(out, value, max);
    return r == 0 ? buffer_add(out, TEXT("\n"), max) : r;
}

static int data_write(struct buffer *out, struct text data, size_t max)
{
    const char *at = data.at, *end = data.at + data.len;
    for (;;) {
        const char *stop = at;
        while (stop < end && *stop != '\r' && *stop != '\n')
            stop++;
        int r = field_write(out, TEXT("data: "), (struct text){at, (size_t)(stop - at)}, max);
        if (r != 0 || stop == end)
            return r;
        at = stop + (stop + 1 < end && stop[0] == '\r' && stop[1] == '\n' ? 2 : 1);
    }
}

int event_write(struct buffer *out, const struct pub_settings *settings, const char *channel,
                struct text data, bool ends, uint64_t ack, size_t max)
{
    char number[24];
    size_t before = out->len;
    int r = channel ? field_write(out, TEXT("channel: "), text_of(channel), max)
                    : field_write(out, TEXT("all: "), TEXT("1"), max);
    if (r == 0 && ends)
        r = field_write(out, TEXT("end: "), TEXT("1"), max);
    if (r == 0 && settings->event && data.at)
        r = field_write(out, TEXT("event: "), text_of(settings->event), max);
    if (r == 0 && settings->id && data.at)
        r = field_write(out, TEXT("id: "), text_of(settings->id), max);
    if (r == 0 && settings->retry_ms >= 0) {
        snprintf(number, sizeof(number), "%" PRId64, settings->retry_ms);
        r = field_write(out, TEXT("retry: "), text_of(number), max);
    }
    if (r == 0 && data.at)
        r = data_write(out, data, max);
    if (r == 0 && ack > 0) {
        snprintf(number, sizeof(number), "%" PRIu64, ack);
        r = field_write(out, TEXT("ack: "), text_of(number), max);
    }
    if (r == 0)
        r = buffer_add(out, TEXT("\n"), max);
    if (r != 0)
        out->len = before; /* no half an event */
    return r;
}

int line_read(struct line_reader *reader, int fd)
{
    struct buffer *buffer = &reader->buffer;
    if (reader->at > 0)
        memmove(buffer->at, buffer->at + reader->at, buffer->len - reader->at);
    buffer->len -= reader->at;
    reader->at = 0;
    if (buffer->len > DATA_BYTES_MAX)
        return -EMSGSIZE;
    size_t room = buffer->len > READ_BYTES_MIN ? buffer->len : READ_BYTES_MIN;
    if (buffer->size < buffer->len + room) {
        char *at = realloc(buffer->at, buffer->len + room);
        if (!at)
            return -ENOMEM;
        buffer->at = at;
        buffer->size = buffer->len + room;
    }
    ssize_t got = read(fd, buffer->at + buffer->len, room);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    reader->ended = got == 0;
    buffer->len += (size_t)got;
    return 0;
}

bool line_next(struct line_reader *reader, struct text *ret_line)
{
    size_t rest = reader->buffer.len - reader->at;
    if (rest == 0)
        return false;
    const char *at = reader->buffer.at + reader->at;
    const char *end = memchr(at, '\n', rest);
    if (!end && !reader->ended)
        return false;
    size_t len = end ? (size_t)(end - at) : rest;
    reader->at += len + (end ? 1 : 0);
    if (len > 0 && at[len - 1] == '\r')
        len--;
    *ret_line = (struct text){at, len};
    return true;
}
