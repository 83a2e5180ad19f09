/* SPDX-License-Identifier: MIT */
/*
 * A subscriber's side of one response: HTTP head, chunks (or none), event-stream lines.
 *
 * It takes bytes in pieces of any size and says of each event which marker its data began with. It
 * keeps no text but the begin of a line that a piece cut and the latest id, so that a million of
 * them fit into memory. It reads any server's stream, not only ours: one chunk may hold many events
 * or a part of one, lines may end in LF or CRLF, `data:` may lack its space.
 *
 * States: READER_STATUS, READER_HEAD -> READER_BODY -> READER_ENDED (last chunk) or READER_FAILED
 * (`fault` says why). One owner. No I/O, no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READER_ID_BYTES 64
/* What is kept of a line that a piece cut: `id: ` and the longest id that is resumed with. */
#define READER_LINE_BYTES 72

enum reader_state { READER_STATUS, READER_HEAD, READER_BODY, READER_ENDED, READER_FAILED };

enum chunk_state { CHUNK_SIZE, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_END };

struct reader {
    uint8_t state;       /* enum reader_state */
    uint8_t chunk_state; /* enum chunk_state */
    bool chunked;
    bool has_marker; /* of the event being read */
    bool is_gap;     /* likewise: its type is fanfare-gap */
    bool has_data;
    uint8_t line_len;
    uint8_t id_len;
    uint8_t skip; /* bytes of data before the marker; stays */
    uint32_t chunk_left;
    uint32_t marker_sequence, marker_us;
    const char *fault;
    char line[READER_LINE_BYTES];
    char id[READER_ID_BYTES]; /* the latest, not terminated */
};

/* Called once for each event that has a marker, and for each gap notice (then `sequence` is 0). */
typedef void reader_on_event(void *context, uint32_t sequence, uint32_t intended_us);

void reader_init(struct reader *reader);
/* Takes all of the bytes. */
void reader_take(struct reader *reader, const char *bytes, size_t len, reader_on_event *on_event,
                 void *context);
