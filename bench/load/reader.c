/* SPDX-License-Identifier: MIT */
/* See reader.h. */
#include "bench/load/reader.h"

#include <string.h>
#include <strings.h>

#include "bench/load/marker.h"

void reader_init(struct reader *reader)
{
    /* The id stays: it is what a reconnecting client resumes from. */
    reader->state = READER_STATUS;
    reader->chunk_state = CHUNK_SIZE;
    reader->chunked = reader->has_marker = reader->is_gap = reader->has_data = false;
    reader->line_len = 0;
    reader->chunk_left = 0;
    reader->fault = NULL;
}

static void fail(struct reader *reader, const char *fault)
{
    reader->state = READER_FAILED;
    reader->fault = fault;
}

/* --- lines --------------------------------------------------------------------------------- */

/* A value without its one leading space. */
static const char *value_of(const char *line, size_t len, size_t name_len, size_t *ret_len)
{
    const char *value = line + name_len;
    *ret_len = len - name_len;
    if (*ret_len && *value == ' ') {
        value++;
        (*ret_len)--;
    }
    return value;
}

static void end_of_event(struct reader *reader, reader_on_event *on_event, void *context)
{
    if (reader->is_gap)
        on_event(context, 0, 0);
    else if (reader->has_marker)
        on_event(context, reader->marker_sequence, reader->marker_us);
    reader->has_marker = reader->is_gap = reader->has_data = false;
}

static void stream_line(struct reader *reader, const char *line, size_t len,
                        reader_on_event *on_event, void *context)
{
    size_t value_len;
    if (len == 0) {
        end_of_event(reader, on_event, context);
    } else if (len > 5 && memcmp(line, "data:", 5) == 0) {
        const char *value = value_of(line, len, 5, &value_len);
        size_t skip = reader->skip;
        if (!reader->has_data && value_len >= skip + MARKER_BYTES)
            reader->has_marker =
                marker_read(value + skip, &reader->marker_sequence, &reader->marker_us);
        reader->has_data = true;
    } else if (len > 3 && memcmp(line, "id:", 3) == 0) {
        const char *value = value_of(line, len, 3, &value_len);
        reader->id_len = (uint8_t)(value_len < READER_ID_BYTES ? value_len : READER_ID_BYTES);
        memcpy(reader->id, value, reader->id_len);
    } else if (len > 6 && memcmp(line, "event:", 6) == 0) {
        const char *value = value_of(line, len, 6, &value_len);
        reader->is_gap = value_len == 11 && memcmp(value, "fanfare-gap", 11) == 0;
    }
}

static void head_line(struct reader *reader, const char *line, size_t len)
{
    if (reader->state == READER_STATUS) {
        if (len < 12 || memcmp(line, "HTTP/1.", 7) != 0 || memcmp(line + 9, "200", 3) != 0)
            fail(reader, "the answer is not 200");
        else
            reader->state = READER_HEAD;
    } else if (len == 0) {
        reader->state = READER_BODY;
    } else if (len >= 26 && strncasecmp(line, "transfer-encoding:", 18) == 0) {
        reader->chunked = memmem(line, len, "chunked", 7) != NULL;
    }
}

static void whole_line(struct reader *reader, const char *line, size_t len,
                       reader_on_event *on_event, void *context)
{
    if (len && line[len - 1] == '\r')
        len--;
    if (reader->state == READER_BODY)
        stream_line(reader, line, len, on_event, context);
    else
        head_line(reader, line, len);
}

/* Keeps the begin of a line whose end has not come yet; what is beyond the buffer is never looked
 * at. */
static void keep(struct reader *reader, const char *bytes, size_t len)
{
    size_t room = READER_LINE_BYTES - reader->line_len;
    size_t kept = len < room ? len : room;
    memcpy(reader->line + reader->line_len, bytes, kept);
    reader->line_len = (uint8_t)(reader->line_len + kept);
}

/* Takes one line, or the piece of one; returns the bytes taken. */
static size_t take_line(struct reader *reader, const char *bytes, size_t len,
                        reader_on_event *on_event, void *context)
{
    const char *end = memchr(bytes, '\n', len);
    if (!end) {
        keep(reader, bytes, len);
        return len;
    }
    size_t line_len = (size_t)(end - bytes);
    if (reader->line_len) {
        keep(reader, bytes, line_len);
        size_t whole = reader->line_len;
        reader->line_len = 0;
        whole_line(reader, reader->line, whole, on_event, context);
    } else {
        whole_line(reader, bytes, line_len, on_event, context);
    }
    return line_len + 1;
}

/* --- chunks -------------------------------------------------------------------------------- */

static int hex_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* One byte of the framing between chunks' data. */
static void chunk_byte(struct reader *reader, char byte)
{
    int digit;
    switch ((enum chunk_state)reader->chunk_state) {
    case CHUNK_SIZE:
        digit = hex_of(byte);
        if (digit >= 0)
            reader->chunk_left = reader->chunk_left << 4 | (uint32_t)digit;
        else if (byte == '\r')
            reader->chunk_state = CHUNK_SIZE_LF;
        else
            fail(reader, "a chunk's size is not hex");
        break;
    case CHUNK_SIZE_LF:
        if (byte != '\n')
            fail(reader, "a chunk's size line does not end");
        else if (reader->chunk_left == 0)
            reader->state = READER_ENDED;
        else
            reader->chunk_state = CHUNK_DATA;
        break;
    case CHUNK_END:
        if (byte == '\n')
            reader->chunk_state = CHUNK_SIZE;
        else if (byte != '\r')
            fail(reader, "a chunk does not end where it should");
        break;
    case CHUNK_DATA:
        break;
    }
}

void reader_take(struct reader *reader, const char *bytes, size_t len, reader_on_event *on_event,
                 void *context)
{
    size_t at = 0;
    while (at < len && reader->state != READER_ENDED && reader->state != READER_FAILED) {
        if (reader->state != READER_BODY || !reader->chunked) {
            at += take_line(reader, bytes + at, len - at, on_event, context);
            continue;
        }
        if (reader->chunk_state != CHUNK_DATA) {
            chunk_byte(reader, bytes[at++]);
            continue;
        }
        size_t piece = len - at < reader->chunk_left ? len - at : reader->chunk_left;
        size_t end = at + piece;
        while (at < end)
            at += take_line(reader, bytes + at, end - at, on_event, context);
        reader->chunk_left -= (uint32_t)piece;
        if (reader->chunk_left == 0)
            reader->chunk_state = CHUNK_END;
    }
}
