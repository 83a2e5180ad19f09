/* SPDX-License-Identifier: MIT */
/*
 * The tests' own reader of what subscribers get: chunked coding (RFC 9112 section 7.1) and event
 * streams (WHATWG HTML section 9.2.6), of whole texts, as a client would read them.
 *
 * It also keeps what a client would not notice (comments, unknown lines, doubled fields), so that a
 * target can say: this, and nothing else. Any fault of the coding ends the program.
 */
#pragma once

#include <stdbool.h>

#include "engine/frame.h"

/* What stands between two blank lines. `type` and `id` lie in the stream that was read. */
struct stream_block {
    bool has_data; /* so a client dispatches it */
    struct text data;
    struct text type;
    struct text id;
    int64_t retry_ms; /* -1: none */
    unsigned type_lines, id_lines, retry_lines;
    unsigned odd_lines; /* comments, unknown fields, values that are ignored */
    bool id_is_last;
};

struct stream {
    struct stream_block *blocks;
    size_t count, size;
    char *data; /* of all blocks */
    bool complete;
};

/* Reads a whole stream; one that ends within a block is not complete. */
void stream_read(struct text text, struct stream *ret_stream);
void stream_free(struct stream *stream);

/* Takes the coding off a run of chunks, each with a plain size line and exactly its bytes. The text
 * is in `out`, which has room for chunks.len bytes. True if a last chunk ends it. */
bool chunks_read(struct text chunks, char *out, size_t *ret_len);

/* A published frame, stamped by this: its chunk framing is exact, and both views read back as
 * exactly the one event. */
void stream_check_frame(struct frame *frame, const struct event *event);
