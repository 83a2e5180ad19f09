/* SPDX-License-Identifier: MIT */
/* See reader.h. */
#include "tests/sim/reader.h"

#include "tests/sim/fail.h"

void bytes_add(struct bytes *bytes, const char *at, size_t len)
{
    if (bytes->size - bytes->len < len + 1) {
        bytes->size = (bytes->len + len + 1) * 2;
        bytes->at = realloc(bytes->at, bytes->size);
        CHECK(bytes->at);
    }
    if (len)
        memcpy(bytes->at + bytes->len, at, len);
    bytes->len += len;
    bytes->at[bytes->len] = '\0';
}

void reader_deinit(struct reader *reader)
{
    free(reader->head.at);
    free(reader->line.at);
    free(reader->data.at);
    free(reader->id.at);
    free(reader->type.at);
}

static bool in_block(const struct reader *reader)
{
    return reader->has_data || reader->has_id || reader->has_type || reader->has_retry ||
           reader->is_comment || reader->line.len;
}

bool reader_is_between(const struct reader *reader)
{
    if (reader->part == READER_END)
        return true;
    return !in_block(reader) && reader->part == (reader->plain ? READER_CHUNK : READER_SIZE) &&
           (reader->plain || reader->head.len == 0);
}

/* --- the event stream ------------------------------------------------------------------------ */

static struct text text_of_bytes(const struct bytes *bytes)
{
    return (struct text){bytes->at, bytes->len};
}

static void end_block(struct reader *reader, uint64_t end)
{
    struct block block = {.has_data = reader->has_data,
                          .has_id = reader->has_id,
                          .has_type = reader->has_type,
                          .has_retry = reader->has_retry,
                          .is_comment = reader->is_comment,
                          .data = text_of_bytes(&reader->data),
                          .id = text_of_bytes(&reader->id),
                          .type = text_of_bytes(&reader->type),
                          .comment = reader->is_comment ? text_of_bytes(&reader->line)
                                                        : (struct text){NULL, 0},
                          .retry_ms = reader->retry_ms,
                          .end = end};
    if (block.data.len)
        block.data.len--; /* the line end behind the last line */
    if (!in_block(reader))
        fail("a blank line ends no block");
    reader->on_block(reader->context, &block);
    reader->has_data = reader->has_id = reader->has_type = false;
    reader->has_retry = reader->is_comment = false;
    reader->data.len = reader->id.len = reader->type.len = 0;
}

static bool takes(struct text *line, const char *field)
{
    size_t len = strlen(field);
    if (line->len < len || memcmp(line->at, field, len) != 0)
        return false;
    line->at += len;
    line->len -= len;
    return true;
}

static void once(bool *flag, const char *field)
{
    if (*flag)
        fail("a block has two fields `%s`", field);
    *flag = true;
}

static void end_line(struct reader *reader, uint64_t end)
{
    struct text line = text_of_bytes(&reader->line);
    if (reader->has_id && line.len)
        fail("`id` is not the last field of its block: \"%.*s\"", (int)line.len, line.at);
    reader->line.len = 0;
    if (line.len == 0 && reader->may_be_blank) {
        reader->may_be_blank = false; /* of a goodbye */
        return;
    }
    reader->may_be_blank = false;
    if (line.len == 0) {
        reader->greeted = true;
        end_block(reader, end);
    } else if (line.at[0] == ':') {
        if (in_block(reader))
            fail("a comment within a block");
        reader->is_comment = true;
        reader->line.len = line.len; /* which is shown */
        end_block(reader, end);
        reader->line.len = 0;
    } else if (takes(&line, "data: ")) {
        reader->has_data = true;
        bytes_add(&reader->data, line.at, line.len);
        bytes_add(&reader->data, "\n", 1);
    } else if (takes(&line, "id: ")) {
        once(&reader->has_id, "id");
        bytes_add(&reader->id, line.at, line.len);
    } else if (takes(&line, "event: ")) {
        once(&reader->has_type, "event");
        bytes_add(&reader->type, line.at, line.len);
    } else if (takes(&line, "retry: ")) {
        once(&reader->has_retry, "retry");
        reader->retry_ms = 0;
        for (size_t i = 0; i < line.len; i++) {
            if (line.at[i] < '0' || line.at[i] > '9')
                fail("`retry` is not a number: \"%.*s\"", (int)line.len, line.at);
            reader->retry_ms = reader->retry_ms * 10 + (line.at[i] - '0');
        }
        if ((reader->bare || reader->greeted) && !reader->has_data && !reader->has_type) {
            end_block(reader, end);
            reader->may_be_blank = !reader->bare;
            return;
        }
    } else {
        fail("an unknown line: \"%.*s\"", (int)(line.len < 80 ? line.len : 80), line.at);
    }
}

static void read_stream(struct reader *reader, const char *at, size_t len)
{
    while (len) {
        const char *lf = memchr(at, '\n', len);
        size_t part = lf ? (size_t)(lf - at) : len;
        if (memchr(at, '\r', part) || memchr(at, '\0', part))
            fail("CR or NUL in the event stream");
        bytes_add(&reader->line, at, part);
        part += lf != NULL;
        reader->offset += part;
        at += part;
        len -= part;
        if (lf)
            end_line(reader, reader->offset);
    }
}

/* --- head and chunks ------------------------------------------------------------------------- */

/* Takes bytes up to the end that `last` is the last byte of: true when all of them are there. */
static bool read_until(struct reader *reader, const char **at, size_t *len, const char *end)
{
    size_t end_len = strlen(end);
    while (*len) {
        bytes_add(&reader->head, *at, 1);
        (*at)++;
        (*len)--;
        reader->offset++;
        if (reader->head.len >= end_len &&
            memcmp(reader->head.at + reader->head.len - end_len, end, end_len) == 0) {
            reader->head.len -= end_len;
            reader->head.at[reader->head.len] = '\0';
            return true;
        }
        if (reader->part != READER_HEAD && reader->head.len > 16)
            fail("a chunk's frame is broken: \"%.16s\"", reader->head.at);
    }
    return false;
}

static void end_size(struct reader *reader)
{
    char *rest;
    reader->chunk_left = strtoull(reader->head.at, &rest, 16);
    if (reader->head.len == 0 || *rest)
        fail("\"%s\" is no chunk size", reader->head.at);
    if (in_block(reader))
        fail("a chunk begins within a block");
    reader->head.len = 0;
    reader->part = reader->chunk_left ? READER_CHUNK : READER_LAST;
}

static void read_chunk(struct reader *reader, const char **at, size_t *len)
{
    size_t part = reader->plain || *len < reader->chunk_left ? *len : (size_t)reader->chunk_left;
    read_stream(reader, *at, part);
    *at += part;
    *len -= part;
    if (reader->plain)
        return;
    reader->chunk_left -= part;
    if (reader->chunk_left == 0) {
        if (in_block(reader))
            fail("a chunk ends within a block");
        reader->part = READER_CHUNK_END;
    }
}

void reader_read(struct reader *reader, const char *at, size_t len)
{
    while (len) {
        switch (reader->part) {
        case READER_HEAD:
            if (!read_until(reader, &at, &len, "\r\n\r\n"))
                return;
            reader->on_head(reader->context, text_of_bytes(&reader->head));
            reader->head.len = 0;
            reader->part = reader->plain ? READER_CHUNK : READER_SIZE;
            break;
        case READER_SIZE:
            if (!read_until(reader, &at, &len, "\r\n"))
                return;
            end_size(reader);
            break;
        case READER_CHUNK:
            read_chunk(reader, &at, &len);
            break;
        case READER_CHUNK_END:
        case READER_LAST:
            if (!read_until(reader, &at, &len, "\r\n"))
                return;
            if (reader->head.len)
                fail("a chunk does not end in CRLF");
            reader->part = reader->part == READER_LAST ? READER_END : READER_SIZE;
            break;
        case READER_END:
            fail("%zu bytes follow the last chunk", len);
        }
    }
}
