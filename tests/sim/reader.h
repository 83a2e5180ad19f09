/* SPDX-License-Identifier: MIT */
/*
 * What a client makes of the bytes it got: the response head, the chunks, the event stream.
 *
 * A second reading of RFC 9112 section 7.1 and WHATWG HTML section 9.2.6, strict where they are
 * lenient: lines end in LF, chunks end where blocks end, and nothing follows the last chunk. Bytes
 * come in pieces of any size. Each block (the lines up to a blank one, or a comment's one line) is
 * reported with all that it said; a fault ends the run.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* A growing text of the reader's own. */
struct bytes {
    char *at;
    size_t len, size;
};

void bytes_add(struct bytes *bytes, const char *at, size_t len);

struct block {
    bool has_data, has_id, has_type, has_retry, is_comment;
    struct text data, id, type, comment;
    int64_t retry_ms;
    uint64_t end; /* the stream's bytes up to and including its blank line */
};

enum reader_part {
    READER_HEAD,
    READER_SIZE,
    READER_CHUNK,
    READER_CHUNK_END,
    READER_LAST,
    READER_END
};

struct reader {
    bool plain;
    bool bare; /* its goodbye is a `retry:` that no blank line follows */
    /* A `retry:` line with nothing before it is a block, even if a blank one follows. */
    bool greeted;
    bool may_be_blank;
    enum reader_part part;
    uint64_t offset; /* bytes read */
    uint64_t chunk_left;
    struct bytes head; /* the response head, then the line of a chunk's size */
    struct bytes line;
    struct bytes data, id, type;
    bool has_data, has_id, has_type, has_retry, is_comment;
    int64_t retry_ms;
    void (*on_head)(void *context, struct text head);
    void (*on_block)(void *context, const struct block *block);
    void *context;
};

void reader_deinit(struct reader *reader);
void reader_read(struct reader *reader, const char *at, size_t len);
/* Nothing is begun: the next byte would begin a frame. */
bool reader_is_between(const struct reader *reader);
static inline bool reader_has_ended(const struct reader *reader)
{
    return reader->part == READER_END;
}
