/* SPDX-License-Identifier: MIT */
/*
 * A frame: one event, serialised once, shared by everybody.
 *
 * Its bytes are event-stream text (WHATWG HTML section 9.2) with one HTTP/1.1 chunk around it (RFC
 * 9112 section 7.1), so frames laid end to end are a valid run of chunks. The plain view, for
 * HTTP/1.0, is the same bytes without the chunk's head and tail. `id:` is the last field; an event
 * without data is a line `retry:` or, of an end, a comment, and nothing else.
 *
 * States: built (one owner, sequence 0) -> stamped (in frame_stamp, by the publisher that claimed
 * the sequence) -> shared and immutable, until the last reference goes. An event for one subscriber
 * alone (FRAME_PRIVATE) has no number. A frame of another kind than those was built by a worker,
 * counts as no event and has one view only.
 *
 * This is the one place where text from publishers becomes bytes for subscribers: everything that
 * could inject a field into somebody else's stream is refused here. Any thread; no I/O.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/id.h"
#include "engine/limits.h"

/* The one type of event that the engine itself sends: no publisher may, or losses could be forged.
 */
#define GAP_TYPE "fanfare-gap"

/* What a publisher hands in. All text is borrowed for the call only. */
struct event {
    struct text channel;
    struct text type;  /* empty: none, a client sees `message` */
    struct text id;    /* empty: ours */
    struct text data;  /* may be empty: the empty text is a valid event */
    int64_t retry_ms;  /* -1: none; above EVENT_RETRY_MS_MAX it is taken as that */
    bool without_data; /* a retry alone, or an end: clients dispatch nothing */
    bool ends;         /* the channel: nothing is published to it after this */
    struct text key;   /* empty: none; else published once, see ledger.h */
    bool ours;         /* published by the server itself: own_channel.h */
    bool all;          /* to every stream, and into every channel's history; it names no channel */
    uint64_t hash;     /* of the channel, once the hub has looked at it (hub_admits); 0: not yet */
};

/* Why an event cannot become a frame; positive, to be answered, never forwarded. */
enum frame_fault {
    FRAME_OK = 0,
    FRAME_CHANNEL_EMPTY,
    FRAME_CHANNEL_LONG,
    FRAME_CHANNEL_TEXT,
    FRAME_CHANNEL_OURS,
    FRAME_TYPE_LONG,
    FRAME_TYPE_TEXT,
    FRAME_TYPE_OURS,
    FRAME_ID_LONG,
    FRAME_ID_TEXT,
    FRAME_ID_SPACE,
    FRAME_ID_OURS,
    FRAME_ID_EARLIEST,
    FRAME_DATA_LONG,
    FRAME_DATA_TEXT,
    FRAME_DATA_NONE,
    FRAME_KEY_LONG,
    FRAME_KEY_TEXT,
    FRAME_RETRY_RANGE,
    FRAME_ALL_CHANNEL,
    FRAME_ALL_ENDS,
};

enum frame_kind {
    FRAME_EVENT,   /* 0, as in every frame that is built of an event */
    FRAME_PRIVATE, /* an event that is no channel's: moves no cursor. No others are events. */
    FRAME_NOTE,    /* a response head or a heartbeat: moves no cursor */
    FRAME_GAP,     /* a gap notice: moves the cursor to its sequence */
    FRAME_LAST,    /* ends the response */
};

enum frame_flag {
    FRAME_ENDS = 1, /* the last event of its channel */
    FRAME_WITHOUT_DATA = 2,
    FRAME_KEYED = 4,    /* its key follows, after a byte with its length: frame_key */
    FRAME_CLOSES = 8,   /* a command: its channel is closed here */
    FRAME_KICKS = 16,   /* a command: whoever is here is ended */
    FRAME_ALL = 32,     /* to all: its channel's name is empty */
    FRAME_AT_ONCE = 64, /* of a command that kicks: not in order */
};

/* A command is no event, and nobody gets bytes of it; it has a place in the one order, so that what
 * was published, or asked for, before it is told from what came after. */
#define FRAME_COMMANDS (FRAME_CLOSES | FRAME_KICKS)

struct frame {
    _Atomic uint32_t references;
    _Atomic uint32_t unswept; /* workers that have not given its bytes back yet (engine/flow.h) */
    uint64_t sequence;        /* 0: not stamped yet */
    uint64_t channel_hash;
    int64_t born_ns;  /* CLOCK_MONOTONIC at publish, for history by age */
    uint32_t len;     /* of bytes[], the chunked view */
    uint32_t id_at;   /* where the id's text begins in bytes[], whoever gave it */
    uint8_t kind;     /* enum frame_kind */
    uint8_t id_len;   /* ID_LEN for ours */
    bool id_given;    /* by the publisher */
    uint8_t head_len; /* the chunk's size line */
    uint8_t tail_len; /* the chunk's end: 2, or 0 for a private frame */
    uint8_t flags;    /* enum frame_flag; 0 for nearly all */
    uint16_t
        channel_len; /* the name follows bytes[len], and what no subscriber gets follows that */
    char bytes[];
};

/* The one rule for channel names, for publish and subscribe alike: FRAME_OK or FRAME_CHANNEL_*. */
enum frame_fault frame_check_channel(struct text channel);

/* The rule for ids, a publisher's or in Last-Event-ID: FRAME_OK or FRAME_ID_*; an empty one is
 * fine. */
enum frame_fault frame_check_id(struct text id);

/* The rules for everything else, too: FRAME_OK, or what frame_new would say of this event. */
enum frame_fault frame_check_event(const struct event *event);

/* Valid UTF-8 without NUL. */
bool frame_is_text(struct text text);

/* One sentence for the publisher that says what is wrong; static text. */
const char *frame_fault_text(enum frame_fault fault);

/* Builds a frame with one reference. 0, a positive enum frame_fault, or -ENOMEM. */
MUST_USE int frame_new(const struct event *event, uint64_t channel_hash, struct frame **ret_frame);

/* A command, one of FRAME_COMMANDS, with one reference; NULL if out of memory. The channel is
 * checked already; empty for all. */
MUST_USE struct frame *frame_new_command(enum frame_flag command, struct text channel,
                                         uint64_t channel_hash);

/* Makes a built event one for a single subscriber: without id, number and channel. */
void frame_make_private(struct frame *frame);

/* A private frame of exactly these bytes, one reference; NULL if out of memory. */
MUST_USE struct frame *frame_new_private(enum frame_kind kind, const char *bytes, size_t len);

/* One with room for `size` bytes, which the caller fills before it sets `len`. */
MUST_USE struct frame *frame_new_room(enum frame_kind kind, size_t size);

/* Gives a built frame its place in the one order. Allocates nothing, calls nothing. */
void frame_stamp(struct frame *frame, const struct ids *ids, uint64_t sequence);

/* What it takes in memory, with malloc's own part: a word, and half a step of its sizes. */
static inline uint32_t frame_memory(const struct frame *frame)
{
    return (uint32_t)sizeof(*frame) + frame->len + frame->channel_len + 16;
}

static inline bool frame_is_event(const struct frame *frame)
{
    return frame->kind <= FRAME_PRIVATE;
}

struct frame *frame_ref(struct frame *frame);
/* Gives up a reference: the memory that became free, 0 while others hold it. Takes NULL too. */
uint32_t frame_release(struct frame *frame);
/* Takes NULL too; returns NULL. */
struct frame *frame_unref(struct frame *frame);

static inline struct text frame_channel(const struct frame *frame)
{
    return (struct text){frame->bytes + frame->len, frame->channel_len};
}

/* Of one that is FRAME_KEYED. */
static inline struct text frame_key(const struct frame *frame)
{
    const char *at = frame->bytes + frame->len + frame->channel_len;
    if (frame->flags & FRAME_WITHOUT_DATA)
        at += frame->id_len;
    return (struct text){at + 1, (unsigned char)*at};
}

static inline struct text frame_id(const struct frame *frame)
{
    return (struct text){frame->bytes + frame->id_at, frame->id_len};
}

/* The bytes for a subscriber: chunked (HTTP/1.1) or plain (HTTP/1.0). */
static inline struct text frame_view(const struct frame *frame, bool plain)
{
    if (!plain)
        return (struct text){frame->bytes, frame->len};
    return (struct text){frame->bytes + frame->head_len,
                         frame->len - frame->head_len - frame->tail_len};
}

/* The line before a chunk of `len` bytes (RFC 9112 section 7.1): hex digits and CRLF, no NUL.
 * Returns its length. */
#define CHUNK_LINE_ROOM 18
size_t chunk_line_format(char out[CHUNK_LINE_ROOM], size_t len);

/* A publisher's `retry`: digits only; above EVENT_RETRY_MS_MAX it is that. False: anything else. */
bool retry_parse(struct text value, int64_t *ret_retry_ms);
