/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the event stream. Lines are gathered in one buffer, data in another; fields
 * are taken when a line is whole. A text that is too long for a field of ours is cut off: only a
 * foreign server sends one.
 */
#include "cmd/event_reader.h"

#include <errno.h>

enum { BUFFER_BYTES_FIRST = 1024 };

int buffer_add(struct buffer *buffer, struct text bytes, size_t max)
{
    if (bytes.len > max - buffer->len)
        return -EMSGSIZE;
    if (buffer->len + bytes.len > buffer->size) {
        size_t size = buffer->size ? buffer->size : BUFFER_BYTES_FIRST;
        while (size < buffer->len + bytes.len)
            size *= 2;
        char *at = realloc(buffer->at, size);
        if (!at)
            return -ENOMEM;
        buffer->at = at;
        buffer->size = size;
    }
    if (bytes.len > 0)
        memcpy(buffer->at + buffer->len, bytes.at, bytes.len);
    buffer->len += bytes.len;
    return 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct buffer){0};
}

void event_reader_init(struct event_reader *reader,
                       void (*on_event)(void *context, const struct read_event *event),
                       void *context)
{
    *reader = (struct event_reader){.on_event = on_event, .context = context};
}

static void event_forget(struct event_reader *reader)
{
    reader->data.len = 0;
    reader->has_data = false;
    reader->type[0] = '\0';
}

void event_reader_restart(struct event_reader *reader)
{
    event_forget(reader);
    reader->line.len = 0;
    reader->after_return = reader->begun = false;
    memcpy(reader->id, reader->last_id, sizeof(reader->id));
    reader->ended = false;
}

void event_reader_deinit(struct event_reader *reader)
{
    buffer_free(&reader->line);
    buffer_free(&reader->data);
}

static void text_keep(char *out, size_t out_size, struct text text)
{
    size_t len = text.len < out_size ? text.len : out_size - 1;
    memcpy(out, text.at, len);
    out[len] = '\0';
}

static void dispatch(struct event_reader *reader)
{
    memcpy(reader->last_id, reader->id, sizeof(reader->id));
    if (reader->has_data) {
        struct read_event event = {
            .type = reader->type[0] ? text_of(reader->type) : TEXT("message"),
            .data = {reader->data.at, reader->data.len - 1}, /* without the last line end */
            .id = text_of(reader->last_id),
        };
        reader->on_event(reader->context, &event);
    }
    event_forget(reader);
}

static void retry_take(struct event_reader *reader, struct text value)
{
    uint64_t ms = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return;
        ms = ms * 10 + (uint64_t)(value.at[i] - '0');
        if (ms > READER_RETRY_MS_MAX)
            ms = READER_RETRY_MS_MAX;
    }
    if (value.len > 0)
        reader->retry_ms = (uint32_t)ms;
}

static int line_take(struct event_reader *reader)
{
    struct text line = {reader->line.at, reader->line.len};
    reader->line.len = 0;
    if (!reader->begun && line.len >= 3 && memcmp(line.at, "\xef\xbb\xbf", 3) == 0)
        line = (struct text){line.at + 3, line.len - 3};
    reader->begun = true;
    if (line.len == 0) {
        dispatch(reader);
        return 0;
    }
    if (text_equals(line, TEXT(": end")))
        reader->ended = true;
    const char *colon = memchr(line.at, ':', line.len);
    struct text name = {line.at, colon ? (size_t)(colon - line.at) : line.len};
    struct text value = {line.at + line.len, 0};
    if (colon) {
        value = (struct text){colon + 1, line.len - name.len - 1};
        if (value.len > 0 && value.at[0] == ' ')
            value = (struct text){value.at + 1, value.len - 1};
    }
    if (text_equals(name, TEXT("data"))) {
        int r = buffer_add(&reader->data, value, READER_BYTES_MAX);
        if (r == 0)
            r = buffer_add(&reader->data, TEXT("\n"), READER_BYTES_MAX);
        reader->has_data = true;
        return r;
    }
    if (text_equals(name, TEXT("event")))
        text_keep(reader->type, sizeof(reader->type), value);
    else if (text_equals(name, TEXT("id")) && !memchr(value.at, '\0', value.len))
        text_keep(reader->id, sizeof(reader->id), value);
    else if (text_equals(name, TEXT("retry")))
        retry_take(reader, value);
    return 0;
}

int event_reader_feed(struct event_reader *reader, struct text bytes)
{
    const char *at = bytes.at, *end = bytes.at + bytes.len;
    while (at < end) {
        if (reader->after_return && *at == '\n') { /* the second half of CR LF */
            reader->after_return = false;
            at++;
            continue;
        }
        reader->after_return = false;
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        int r = buffer_add(&reader->line, (struct text){at, (size_t)(stop - at)}, READER_BYTES_MAX);
        if (r != 0)
            return r;
        if (stop == end)
            return 0;
        reader->after_return = *stop == '\r';
        at = stop + 1;
        r = line_take(reader);
        if (r != 0)
            return r;
    }
    return 0;
}
