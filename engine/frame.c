/* SPDX-License-Identifier: MIT */
/*
 * Builds frames: see frame.h for what one is and why this file is a security border.
 *
 * Length: what text may be, and what becomes of it, is read in one piece.
 */
#include "engine/frame.h"

#include <errno.h>
#include <unistr.h>

#include "engine/own_channel.h"

static const char hex_digits[] = "0123456789abcdef";

/* --- checks -------------------------------------------------------------------------------- */

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Has a high bit where a byte of these eight is NUL or no ASCII; which one, it does not say. */
static inline uint64_t not_ascii(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word | (word - UINT64_C(0x0101010101010101));
}

/* Length of the leading part that is ASCII without NUL, as nearly all text is: 32 bytes at a time,
 * then eight, then one. */
static size_t ascii_length(struct text text)
{
    size_t i = 0;
    for (; i + 32 <= text.len; i += 32) {
        const char *at = text.at + i;
        if ((not_ascii(at) | not_ascii(at + 8) | not_ascii(at + 16) | not_ascii(at + 24)) &
            HIGH_BITS)
            break;
    }
    for (; i + 8 <= text.len && !(not_ascii(text.at + i) & HIGH_BITS); i += 8)
        ;
    while (i < text.len && text.at[i] > 0)
        i++;
    return i;
}

bool frame_is_text(struct text text)
{
    size_t ascii = ascii_length(text);
    if (ascii == text.len)
        return true;
    const char *rest = text.at + ascii;
    size_t len = text.len - ascii;
    return !memchr(rest, '\0', len) && !u8_check((const uint8_t *)rest, len);
}

/* Control characters of ASCII and of Latin-1 (U+0080 to U+009F, C2 80 to C2 9F), in valid UTF-8. */
static bool has_controls(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < text.len && (unsigned char)text.at[i + 1] < 0xa0)
            return true;
    }
    return false;
}

enum frame_fault frame_check_channel(struct text channel)
{
    if (channel.len == 0)
        return FRAME_CHANNEL_EMPTY;
    if (channel.len > CHANNEL_BYTES_MAX)
        return FRAME_CHANNEL_LONG;
    return frame_is_text(channel) && !has_controls(channel) ? FRAME_OK : FRAME_CHANNEL_TEXT;
}

static enum frame_fault check_type(struct text type)
{
    if (type.len > EVENT_TYPE_BYTES_MAX)
        return FRAME_TYPE_LONG;
    if (memchr(type.at, '\n', type.len) || memchr(type.at, '\r', type.len) || !frame_is_text(type))
        return FRAME_TYPE_TEXT;
    return text_equals(type, TEXT(GAP_TYPE)) ? FRAME_TYPE_OURS : FRAME_OK;
}

enum frame_fault frame_check_id(struct text id)
{
    if (id.len == 0)
        return FRAME_OK;
    if (id.len > EVENT_ID_BYTES_MAX)
        return FRAME_ID_LONG;
    if (!frame_is_text(id) || has_controls(id))
        return FRAME_ID_TEXT;
    if (id.at[0] == ' ' || id.at[id.len - 1] == ' ')
        return FRAME_ID_SPACE;
    if (text_equals(id, TEXT("earliest")))
        return FRAME_ID_EARLIEST;
    return id_has_form(id) ? FRAME_ID_OURS : FRAME_OK;
}

static uint8_t flags_of(const struct event *event)
{
    if (__builtin_expect(!event->key.len && !event->ends && !event->without_data && !event->all, 1))
        return 0;
    return (uint8_t)((event->ends ? FRAME_ENDS : 0) |
                     (event->without_data ? FRAME_WITHOUT_DATA : 0) |
                     (event->key.len ? FRAME_KEYED : 0) | (event->all ? FRAME_ALL : 0));
}

/* What nearly no event has. */
static enum frame_fault check_special(const struct event *event)
{
    if (event->key.len > EVENT_KEY_BYTES_MAX)
        return FRAME_KEY_LONG;
    if (event->key.len && (!frame_is_text(event->key) || has_controls(event->key)))
        return FRAME_KEY_TEXT;
    if (event->without_data &&
        ((event->retry_ms < 0 && !event->ends) || event->type.len || event->id.len))
        return FRAME_DATA_NONE;
    if (event->all && event->ends)
        return FRAME_ALL_ENDS;
    return FRAME_OK;
}

static inline __attribute__((always_inline)) enum frame_fault check_event(const struct event *event)
{
    enum frame_fault fault = frame_check_channel(event->channel);
    if (!fault && channel_is_own(event->channel) && !event->ours)
        fault = FRAME_CHANNEL_OURS;
    if (__builtin_expect(event->all, 0))
        fault = event->channel.len ? FRAME_ALL_CHANNEL : FRAME_OK;
    if (!fault && event->type.len)
        fault = check_type(event->type);
    if (!fault && event->id.len)
        fault = frame_check_id(event->id);
    if (fault)
        return fault;
    if (event->retry_ms < -1)
        return FRAME_RETRY_RANGE;
    if (event->data.len > DATA_BYTES_MAX)
        return FRAME_DATA_LONG;
    return frame_is_text(event->data) ? FRAME_OK : FRAME_DATA_TEXT;
}

const char *frame_fault_text(enum frame_fault fault)
{
    switch (fault) {
    case FRAME_OK:
        return "no fault";
    case FRAME_CHANNEL_EMPTY:
        return "the channel name is empty";
    case FRAME_CHANNEL_LONG:
        return "the channel name is longer than 256 bytes";
    case FRAME_CHANNEL_TEXT:
        return "the channel name is not valid UTF-8 without control characters";
    case FRAME_CHANNEL_OURS:
        return "channels that begin with " OWN_PRESENCE " are published to by the server alone";
    case FRAME_TYPE_LONG:
        return "the event type is longer than 256 bytes";
    case FRAME_TYPE_TEXT:
        return "the event type is not valid UTF-8 or contains CR, LF or NUL";
    case FRAME_TYPE_OURS:
        return "the event type " GAP_TYPE " is the server's own: choose another";
    case FRAME_ID_LONG:
        return "the id is longer than 128 bytes";
    case FRAME_ID_TEXT:
        return "the id is not valid UTF-8 or contains CR, LF, NUL or another control character";
    case FRAME_ID_SPACE:
        return "the id begins or ends with a space";
    case FRAME_ID_EARLIEST:
        return "the id earliest means the oldest event: choose another";
    case FRAME_ID_OURS:
        return "the id has the form of the server's own ids";
    case FRAME_DATA_LONG:
        return "the data is longer than 16 MiB";
    case FRAME_DATA_TEXT:
        return "the data is not valid UTF-8 or contains NUL";
    case FRAME_DATA_NONE:
        return "the event has no data";
    case FRAME_KEY_LONG:
        return "the key is longer than 128 bytes";
    case FRAME_KEY_TEXT:
        return "the key is not valid UTF-8 without control characters";
    case FRAME_RETRY_RANGE:
        return "retry is not a number of milliseconds, 0 or more";
    case FRAME_ALL_CHANNEL:
        return "an event to all names no channel";
    case FRAME_ALL_ENDS:
        return "an event to all ends no channel";
    }
    return "unknown fault";
}

/* --- building ------------------------------------------------------------------------------ */

/*
 * The lines of a text, one after the other. Where the next LF and the next CR are is remembered,
 * and each is looked for again only when it was passed: so every byte is looked at once for either,
 * whatever the lines are. A search for both at every line would be quadratic.
 */
struct lines {
    struct text text;
    size_t from;   /* where the next line begins */
    size_t lf, cr; /* the first of its kind at or after `from`, or the text's length */
};

static size_t find(struct text text, size_t from, char byte)
{
    const char *found = from < text.len ? memchr(text.at + from, byte, text.len - from) : NULL;
    return found ? (size_t)(found - text.at) : text.len;
}

/* The same where lines may be short: a call for each would cost more than the line. */
static size_t find_near(struct text text, size_t from, char byte)
{
    for (unsigned i = 0; i < 8 && from < text.len; i++, from++)
        if (text.at[from] == byte)
            return from;
    return find(text, from, byte);
}

static struct lines lines_of(struct text text)
{
    return (struct lines){.text = text, .lf = find(text, 0, '\n'), .cr = find(text, 0, '\r')};
}

/* The next line without its end (LF, CR or CRLF), or the rest; false once that was given. A text
 * that ends in a line end has an empty last line, and the empty text one line. */
static bool lines_next(struct lines *lines, struct text *ret_line)
{
    const struct text text = lines->text;
    const size_t from = lines->from;
    if (from > text.len)
        return false;
    size_t end = lines->lf < lines->cr ? lines->lf : lines->cr;
    *ret_line = (struct text){text.at + from, end - from};
    bool crlf = lines->cr == end && lines->lf == end + 1 && lines->lf < text.len;
    lines->from = end + 1 + crlf;
    if (lines->lf < lines->from)
        lines->lf = find_near(text, lines->from, '\n');
    if (lines->cr < lines->from)
        lines->cr = find_near(text, lines->from, '\r');
    return true;
}

/* One `data: ` line for each, so that a client gets exactly the text. With a NULL `out` it only
 * counts. */
static size_t put_lines(char *out, struct lines lines)
{
    struct text line;
    size_t len = 0;
    while (lines_next(&lines, &line)) {
        if (out) {
            memcpy(out + len, "data: ", 6);
            if (line.len)
                memcpy(out + len + 6, line.at, line.len);
            out[len + 6 + line.len] = '\n';
        }
        len += 6 + line.len + 1;
    }
    return len;
}

static void put_hex(char *out, int digits, uint64_t value)
{
    for (int i = digits - 1; i >= 0; i--, value >>= 4)
        out[i] = hex_digits[value & 15];
}

/* How many a number has; 0 has one. */
static size_t hex_digits_of(size_t value)
{
    return (size_t)(63 - __builtin_clzll((unsigned long long)value | 1)) / 4 + 1;
}

size_t chunk_line_format(char out[CHUNK_LINE_ROOM], size_t len)
{
    size_t digits = hex_digits_of(len);
    put_hex(out, (int)digits, len);
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}

static char *put(char *out, const char *bytes, size_t len)
{
    if (len)
        memcpy(out, bytes, len);
    return out + len;
}

#define RETRY_BYTES_MAX 32

__attribute__((noinline)) static size_t format_retry(char out[RETRY_BYTES_MAX], int64_t retry_ms)
{
    int64_t ms = retry_ms < EVENT_RETRY_MS_MAX ? retry_ms : EVENT_RETRY_MS_MAX;
    return (size_t)snprintf(out, RETRY_BYTES_MAX, "retry: %lld\n", (long long)ms);
}

/* What a key takes behind everything else. */
static size_t key_room(const struct event *event)
{
    return event->key.len ? 1 + event->key.len : 0;
}

static void put_key(char *at, const struct event *event)
{
    if (!event->key.len)
        return;
    *at = (char)event->key.len;
    put(at + 1, event->key.at, event->key.len);
}

/* A line that is taken as it ends. No blank line follows, which some clients would hand out as an
 * event; so the id, which is for the publisher alone, stands behind the name. */
__attribute__((noinline)) static int
new_without_data(const struct event *event, uint64_t channel_hash, struct frame **ret_frame)
{
    char line[RETRY_BYTES_MAX] = ": ended\n";
    size_t text_len = event->retry_ms < 0 ? strlen(line) : format_retry(line, event->retry_ms);
    size_t head_len = hex_digits_of(text_len) + 2;
    size_t len = head_len + text_len + 2;
    struct frame *frame =
        malloc(sizeof(*frame) + len + event->channel.len + ID_LEN + key_room(event));
    if (!frame)
        return -ENOMEM;
    *frame = (struct frame){.references = 1,
                            .channel_hash = channel_hash,
                            .len = (uint32_t)len,
                            .id_at = (uint32_t)(len + event->channel.len),
                            .id_len = ID_LEN,
                            .head_len = (uint8_t)head_len,
                            .tail_len = 2,
                            .flags = flags_of(event),
                            .channel_len = (uint16_t)event->channel.len};
    char *at = frame->bytes + chunk_line_format(frame->bytes, text_len);
    at = put(at, line, text_len);
    at = put(at, "\r\n", 2);
    at = put(at, event->channel.at, event->channel.len);
    memset(at, '0', ID_LEN);
    put_key(at + ID_LEN, event);
    *ret_frame = frame;
    return 0;
}

/* Of an event that is in order. Inlined for those without flags, which are nearly all. */
static inline __attribute__((always_inline)) int
build(const struct event *event, uint64_t channel_hash, uint8_t flags, struct frame **ret_frame)
{
    char retry[RETRY_BYTES_MAX];
    size_t retry_len = event->retry_ms < 0 ? 0 : format_retry(retry, event->retry_ms);
    size_t id_len = event->id.len ? event->id.len : ID_LEN;
    size_t type_len = event->type.len ? 7 + event->type.len + 1 : 0;
    const struct lines lines = lines_of(event->data);
    bool one_line = lines.lf == lines.cr; /* nearly always: there is neither */
    size_t data_len = one_line ? 6 + event->data.len + 1 : put_lines(NULL, lines);
    size_t text_len = type_len + data_len + retry_len + 4 + id_len + 2;
    size_t head_len = hex_digits_of(text_len) + 2;
    size_t len = head_len + text_len + 2;

    struct frame *frame =
        malloc(sizeof(*frame) + len + event->channel.len + (flags ? key_room(event) : 0));
    if (!frame)
        return -ENOMEM;
    *frame = (struct frame){.references = 1,
                            .channel_hash = channel_hash,
                            .len = (uint32_t)len,
                            .id_len = (uint8_t)id_len,
                            .id_given = event->id.len != 0,
                            .head_len = (uint8_t)head_len,
                            .tail_len = 2,
                            .flags = flags,
                            .channel_len = (uint16_t)event->channel.len};
    char *at = frame->bytes + chunk_line_format(frame->bytes, text_len);
    if (type_len) {
        at = put(at, "event: ", 7);
        at = put(at, event->type.at, event->type.len);
        at = put(at, "\n", 1);
    }
    if (one_line) {
        at = put(at, "data: ", 6);
        at = put(at, event->data.at, event->data.len);
        at = put(at, "\n", 1);
    } else {
        at += put_lines(at, lines);
    }
    at = put(at, retry, retry_len);
    at = put(at, "id: ", 4);
    frame->id_at = (uint32_t)(at - frame->bytes);
    if (frame->id_given)
        at = put(at, event->id.at, id_len);
    else
        at = (char *)memset(at, '0', id_len) + id_len; /* frame_stamp writes it */
    at = put(at, "\n\n\r\n", 4);
    DCHECK(at == frame->bytes + len);
    at = put(at, event->channel.at, event->channel.len);
    if (flags)
        put_key(at, event);
    *ret_frame = frame;
    return 0;
}

enum frame_fault frame_check_event(const struct event *event)
{
    enum frame_fault fault = check_event(event);
    return fault ? fault : check_special(event);
}

__attribute__((noinline)) static int new_special(const struct event *event, uint64_t channel_hash,
                                                 struct frame **ret_frame)
{
    enum frame_fault fault = check_special(event);
    if (fault)
        return (int)fault;
    if (event->without_data)
        return new_without_data(event, channel_hash, ret_frame);
    return build(event, channel_hash, flags_of(event), ret_frame);
}

int frame_new(const struct event *event, uint64_t channel_hash, struct frame **ret_frame)
{
    enum frame_fault fault = check_event(event);
    if (fault)
        return (int)fault;
    if (flags_of(event))
        return new_special(event, channel_hash, ret_frame);
    return build(event, channel_hash, 0, ret_frame);
}

void frame_make_private(struct frame *frame)
{
    CHECK(frame->sequence == 0);
    frame->kind = FRAME_PRIVATE;
    frame->channel_len = 0;
    frame->channel_hash = 0;
    if (!(frame->flags & FRAME_WITHOUT_DATA)) { /* else there is no id in the text */
        char *text = frame->bytes + frame->head_len;
        size_t text_len = frame->id_at - strlen("id: ") - frame->head_len + 1;
        size_t head_len = hex_digits_of(text_len) + 2; /* no more than it was */
        memmove(frame->bytes + head_len, text, text_len - 1);
        chunk_line_format(frame->bytes, text_len);
        put(frame->bytes + head_len + text_len - 1, "\n\r\n", 3);
        frame->head_len = (uint8_t)head_len;
        frame->len = (uint32_t)(head_len + text_len + 2);
    }
    frame->id_at = frame->id_len = 0;
    frame->id_given = false;
}

struct frame *frame_new_command(enum frame_flag command, struct text channel, uint64_t channel_hash)
{
    struct frame *frame = malloc(sizeof(*frame) + channel.len);
    if (!frame)
        return NULL;
    *frame = (struct frame){.references = 1,
                            .channel_hash = channel_hash,
                            .id_given = true, /* none is stamped */
                            .flags = (uint8_t)command,
                            .channel_len = (uint16_t)channel.len};
    put(frame->bytes, channel.at, channel.len);
    return frame;
}

struct frame *frame_new_room(enum frame_kind kind, size_t size)
{
    struct frame *frame = malloc(sizeof(*frame) + size);
    if (frame)
        *frame = (struct frame){.references = 1, .kind = (uint8_t)kind};
    return frame;
}

struct frame *frame_new_private(enum frame_kind kind, const char *bytes, size_t len)
{
    struct frame *frame = frame_new_room(kind, len);
    if (!frame)
        return NULL;
    frame->len = (uint32_t)len;
    put(frame->bytes, bytes, len);
    return frame;
}

void frame_stamp(struct frame *frame, const struct ids *ids, uint64_t sequence)
{
    frame->sequence = sequence;
    if (!frame->id_given)
        id_format(frame->bytes + frame->id_at, ids, sequence);
}

/* --- references ---------------------------------------------------------------------------- */

struct frame *frame_ref(struct frame *frame)
{
    /* Relaxed: whoever takes a reference holds one already, so the frame cannot go meanwhile. */
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

uint32_t frame_release(struct frame *frame)
{
    /* acq_rel: the one that frees must see every other owner's last reads as done. */
    if (!frame || atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) != 1)
        return 0;
    uint32_t bytes = frame_memory(frame);
    free(frame);
    return bytes;
}

struct frame *frame_unref(struct frame *frame)
{
    (void)frame_release(frame);
    return NULL;
}

/* --- fields ------------------------------------------------------------------------------- */

bool retry_parse(struct text value, int64_t *ret_retry_ms)
{
    int64_t retry_ms = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        retry_ms = retry_ms * 10 + (value.at[i] - '0');
        if (retry_ms > EVENT_RETRY_MS_MAX)
            retry_ms = EVENT_RETRY_MS_MAX;
    }
    if (value.len == 0)
        return false;
    *ret_retry_ms = retry_ms;
    return true;
}
