/* SPDX-License-Identifier: MIT */
/* See stream.h. */
#include "tests/fuzz/stream.h"

#include "tests/fuzz/rules.h"

/* --- chunks -------------------------------------------------------------------------------- */

/* Lower-case hex without leading zeros, then CRLF. */
static size_t take_size(struct text *rest)
{
    size_t size = 0, digits = 0;
    for (; digits < rest->len && rest->at[digits] != '\r'; digits++) {
        char digit = rest->at[digits];
        CHECK((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'));
        size = size * 16 + (size_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    CHECK(digits > 0 && digits <= 8 && (rest->at[0] != '0' || digits == 1));
    CHECK(rest->len >= digits + 2 && rest->at[digits + 1] == '\n');
    *rest = (struct text){rest->at + digits + 2, rest->len - digits - 2};
    return size;
}

bool chunks_read(struct text chunks, char *out, size_t *ret_len)
{
    size_t len = 0, size = 1;
    while (chunks.len > 0 && size > 0) {
        size = take_size(&chunks);
        CHECK(chunks.len >= size + 2);
        memcpy(out + len, chunks.at, size);
        CHECK(chunks.at[size] == '\r' && chunks.at[size + 1] == '\n');
        chunks = (struct text){chunks.at + size + 2, chunks.len - size - 2};
        len += size;
    }
    CHECK(chunks.len == 0); /* nothing follows the last one */
    *ret_len = len;
    return size == 0;
}

/* --- event streams ------------------------------------------------------------------------- */

static bool is_number(struct text text, uint64_t *ret_number)
{
    struct text rest;
    *ret_number = rules_number(text, &rest);
    return rest.len == 0;
}

static void put_field(struct stream_block *block, struct text name, struct text value, char **room)
{
    uint64_t number = 0;
    block->id_is_last = false;
    if (text_equals(name, TEXT("data"))) {
        if (block->has_data)
            *(*room)++ = '\n';
        else
            block->data.at = *room;
        if (value.len)
            memcpy(*room, value.at, value.len);
        *room += value.len;
        block->data.len = (size_t)(*room - block->data.at);
        block->has_data = true;
    } else if (text_equals(name, TEXT("event"))) {
        block->type = value;
        block->type_lines++;
    } else if (text_equals(name, TEXT("id")) && !memchr(value.at, '\0', value.len)) {
        block->id = value;
        block->id_lines++;
        block->id_is_last = true;
    } else if (text_equals(name, TEXT("retry")) && value.len > 0 && value.len < 18 &&
               is_number(value, &number)) {
        block->retry_ms = (int64_t)number;
        block->retry_lines++;
    } else {
        block->odd_lines++;
    }
}

static void put_line(struct stream_block *block, struct text line, char **room)
{
    const char *colon = memchr(line.at, ':', line.len);
    struct text name = {line.at, colon ? (size_t)(colon - line.at) : line.len};
    struct text value = {line.at + line.len, 0};
    if (colon)
        value = (struct text){colon + 1, line.len - name.len - 1};
    if (value.len && value.at[0] == ' ')
        value = (struct text){value.at + 1, value.len - 1};
    put_field(block, name, value, room);
}

static void put_block(struct stream *stream, const struct stream_block *block)
{
    if (stream->count == stream->size) {
        stream->size = stream->size ? stream->size * 2 : 4;
        stream->blocks = realloc(stream->blocks, stream->size * sizeof(*stream->blocks));
        CHECK(stream->blocks);
    }
    stream->blocks[stream->count++] = *block;
}

void stream_read(struct text text, struct stream *ret_stream)
{
    static const struct stream_block empty = {.data = {"", 0}, .retry_ms = -1};
    struct stream_block block = empty;
    *ret_stream = (struct stream){.data = malloc(text.len + 1)};
    CHECK(ret_stream->data);
    char *room = ret_stream->data;
    size_t at = text.len >= 3 && memcmp(text.at, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    bool begun = false;
    while (at < text.len) {
        size_t end = at;
        while (end < text.len && text.at[end] != '\n' && text.at[end] != '\r')
            end++;
        begun = begun || end > at || end == text.len;
        if (end == text.len)
            break;
        if (end > at) {
            put_line(&block, (struct text){text.at + at, end - at}, &room);
        } else {
            put_block(ret_stream, &block);
            block = empty;
            begun = false;
        }
        at = end + 1;
        if (text.at[end] == '\r' && at < text.len && text.at[at] == '\n')
            at++;
    }
    ret_stream->complete = !begun;
}

void stream_free(struct stream *stream)
{
    free(stream->blocks);
    free(stream->data);
    *stream = (struct stream){0};
}

/* --- frames -------------------------------------------------------------------------------- */

#define EPOCH    UINT64_C(0x0123456789ab)
#define SEQUENCE UINT64_C(0xfedcba9876543210)

/* One block that is the event, and nothing else. */
static void check_text(struct text text, const struct event *event)
{
    struct stream stream;
    if (event->without_data) {
        char retry[32] = ": ended\n";
        if (event->retry_ms >= 0)
            snprintf(retry, sizeof(retry), "retry: %lld\n",
                     (long long)rules_retry_ms(event->retry_ms));
        CHECK(text_equals(text, text_of(retry)));
        return;
    }
    stream_read(text, &stream);
    CHECK(stream.complete && stream.count == 1);
    const struct stream_block *block = &stream.blocks[0];
    char *room = malloc(event->data.len + 1);
    CHECK(room);
    CHECK(block->has_data && block->odd_lines == 0);
    CHECK(text_equals(block->data, rules_normalise(event->data, room)));
    free(room);
    CHECK(block->type_lines == (event->type.len > 0) && text_equals(block->type, event->type));
    CHECK(block->retry_lines == (event->retry_ms >= 0) &&
          block->retry_ms == rules_retry_ms(event->retry_ms));
    CHECK(block->id_lines == 1 && block->id_is_last);
    struct text ours = TEXT("0123456789ab-fedcba9876543210");
    CHECK(text_equals(block->id, event->id.len ? event->id : ours));
    stream_free(&stream);
}

void stream_check_frame(struct frame *frame, const struct event *event)
{
    CHECK(frame->kind == FRAME_EVENT && frame->sequence == 0);
    CHECK(frame->id_given == (event->id.len > 0));
    struct ids ids;
    ids_init(&ids, EPOCH, NULL);
    frame_stamp(frame, &ids, SEQUENCE);
    CHECK(frame->sequence == SEQUENCE);
    CHECK(text_equals(frame_channel(frame), event->channel));
    CHECK(((frame->flags & FRAME_KEYED) != 0) == (event->key.len > 0));
    CHECK(((frame->flags & FRAME_ALL) != 0) == event->all);
    CHECK(!event->key.len || text_equals(frame_key(frame), event->key));
    struct text view = frame_view(frame, false), plain = frame_view(frame, true);
    /* Two of them end to end, since that is what goes out. */
    char *twice = malloc(view.len * 2), *out = malloc(view.len * 2);
    CHECK(twice && out);
    memcpy(twice, view.at, view.len);
    memcpy(twice + view.len, view.at, view.len);
    size_t len;
    CHECK(!chunks_read((struct text){twice, view.len * 2}, out, &len));
    CHECK(len == plain.len * 2);
    CHECK(memcmp(out, plain.at, plain.len) == 0 &&
          memcmp(out + plain.len, plain.at, plain.len) == 0);
    free(out);
    free(twice);
    check_text(plain, event);
    struct text id = frame_id(frame);
    CHECK(event->without_data || id.at + id.len + 2 == plain.at + plain.len);
}
