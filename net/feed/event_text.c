/* SPDX-License-Identifier: MIT */
/*
 * The event-stream parser: see event_text.h for the grammar and the bounds.
 *
 * Two ways through, one meaning. A line that lies whole in the caller's bytes goes straight to
 * take_line, and the data of an event with one such line is not copied at all. A line cut between
 * two calls is held in `line` until its field name is known; from then on data goes to the data
 * buffer and what is ignored goes nowhere. Whatever the cuts are, the results are the same.
 *
 * After a fault the event's lines are still read, because its `ack` may come last, and dropped.
 *
 * Length: the grammar of lines and what becomes of each field are read in one piece.
 */
#include "net/feed/event_text.h"

#include "net/handover_names.h"

enum line_state {
    LINE_HELD,     /* `line` has all of the line so far; at a line's start it is empty */
    LINE_DATA,     /* a data line whose value is being appended to the data */
    LINE_ADOPTION, /* one of a hand-over's, appended to what is kept of those */
    LINE_SKIP,     /* the rest of the line is not wanted */
};

enum field {
    FIELD_DATA,
    FIELD_CHANNEL,
    FIELD_EVENT,
    FIELD_ID,
    FIELD_ACK,
    FIELD_RETRY,
    FIELD_WAIT,
    FIELD_END,
    FIELD_KEY,
    FIELD_COUNT,
    FIELD_ALL,
    FIELD_ADOPT, /* on the feed alone: the block is a hand-over */
    FIELD_OTHER,
    FIELD_OF_ADOPTION, /* what is unknown in an event, and in bodies */
    FIELD_COMMENT
};

static const struct text field_names[] = {
    [FIELD_DATA] = {"data", 4},   [FIELD_CHANNEL] = {"channel", 7}, [FIELD_EVENT] = {"event", 5},
    [FIELD_ID] = {"id", 2},       [FIELD_ACK] = {"ack", 3},         [FIELD_RETRY] = {"retry", 5},
    [FIELD_WAIT] = {"wait", 4},   [FIELD_END] = {"end", 3},         [FIELD_KEY] = {"key", 3},
    [FIELD_COUNT] = {"count", 5}, [FIELD_ALL] = {"all", 3},         [FIELD_ADOPT] = {"adopt", 5},
};

#define SEEN(field) (1u << (field))

/* With so many bytes of a line its field is known: the longest name and its colon. */
#define FIELD_KNOWN_BYTES              (sizeof("last-event-id:") - 1)
#define FITS(row, name, again, number) static_assert(sizeof(name) <= FIELD_KNOWN_BYTES, name);
HANDOVER_NAMES(FITS)
#undef FITS
/* Of an event it is so with fewer. */
#define EVENT_NAME_BYTES sizeof("channel")
/* A larger data buffer is given back after its event, so that idle feeds stay small. */
#define DATA_KEPT_BYTES (64u << 10)
/* What is held of an event in pieces while memory is short. */
#define DATA_TIGHT_BYTES (64u << 10)
/* The first size of such a buffer, picked by hand; it doubles from there. */
#define DATA_FIRST_BYTES 4096u

static const char byte_order_mark[3] = "\xef\xbb\xbf";

void event_text_init(struct event_text *parser, size_t data_max, bool feed)
{
    memset(parser, 0, sizeof(*parser));
    parser->feed = feed;
    parser->event_done = true;
    event_text_limit(parser, data_max);
}

void event_text_limit(struct event_text *parser, size_t data_max)
{
    parser->data_max = data_max;
    snprintf(parser->error_large, sizeof(parser->error_large),
             "the event's data is longer than %zu bytes", data_max);
}

static void drop_data(struct event_text *parser)
{
    free(TAKE(parser->data));
    parser->data_capacity = 0;
}

static void drop_adoption(struct event_text *parser)
{
    if (!parser->adoption_bytes && !parser->adoption_fault)
        return; /* as with almost every event */
    free(TAKE(parser->adoption_bytes));
    parser->adoption_capacity = 0;
    parser->adoption = TEXT("");
    parser->adoption_fault = EVENT_TEXT_OK;
}

void event_text_deinit(struct event_text *parser)
{
    drop_data(parser);
    drop_adoption(parser);
}

static void begin_event(struct event_text *parser)
{
    parser->event = (struct event){.channel = {parser->channel, 0},
                                   .type = {parser->type, 0},
                                   .id = {parser->id, 0},
                                   .key = {parser->key, 0},
                                   .data = {"", 0},
                                   .retry_ms = -1};
    parser->ack = (struct text){parser->ack_bytes, 0};
    parser->wait_no = parser->counts = false;
    parser->fault = EVENT_TEXT_OK;
    parser->error = NULL;
    parser->event_done = false;
    parser->data_borrowed = false;
    parser->seen = 0;
    parser->begin = parser->end;
    parser->adopts = false;
    drop_adoption(parser);
    if (parser->data_capacity > DATA_KEPT_BYTES)
        drop_data(parser);
}

/* The first fault of an event is the one that is told. */
static void refuse(struct event_text *parser, enum event_text_fault fault, const char *error)
{
    if (parser->fault)
        return;
    parser->fault = fault;
    parser->error = error;
}

/* --- fields -------------------------------------------------------------------------------- */

static const char *field_error(enum field field)
{
    switch (field) {
    case FIELD_CHANNEL:
        return frame_fault_text(FRAME_CHANNEL_LONG);
    case FIELD_EVENT:
        return frame_fault_text(FRAME_TYPE_LONG);
    case FIELD_ID:
        return frame_fault_text(FRAME_ID_LONG);
    case FIELD_RETRY:
        return frame_fault_text(FRAME_RETRY_RANGE);
    case FIELD_ACK:
        return "the ack is not 1 to 64 bytes of UTF-8 without control characters";
    case FIELD_KEY:
        return frame_fault_text(FRAME_KEY_LONG);
    case FIELD_COUNT:
        return "count has a value other than 1";
    case FIELD_END:
        return "end has a value other than 1";
    case FIELD_ALL:
        return "all has a value other than 1";
    default:
        return "wait has a value other than no";
    }
}

/* A field that is not well formed. */
static void refuse_field(struct event_text *parser, enum field field)
{
    if (parser->feed || (field != FIELD_RETRY && field != FIELD_COUNT))
        refuse(parser, EVENT_TEXT_FIELD, field_error(field));
}

static bool is_named(struct text line, struct text name)
{
    return line.len >= name.len && memcmp(line.at, name.at, name.len) == 0 &&
           (line.len == name.len || line.at[name.len] == ':');
}

static bool is_of_adoption(struct text line)
{
#define NAME(row, name, again, number) TEXT_INIT(name),
    static const struct text names[] = {HANDOVER_NAMES(NAME)};
#undef NAME
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_named(line, names[i]))
            return true;
    return false;
}

/* Which field a line names, and where its value begins: behind the colon and one space. */
static enum field field_of(const struct event_text *parser, struct text line, size_t *ret_value_at)
{
    enum field end = parser->feed ? FIELD_OTHER : FIELD_ADOPT;
    for (enum field field = FIELD_DATA; field < end; field++) {
        size_t len = field_names[field].len;
        if (line.len < len || memcmp(line.at, field_names[field].at, len) != 0)
            continue;
        if (line.len == len) {
            *ret_value_at = len;
            return field;
        }
        if (line.at[len] == ':') {
            *ret_value_at = len + 1 + (line.len > len + 1 && line.at[len + 1] == ' ');
            return field;
        }
    }
    *ret_value_at = line.len;
    if (line.len && line.at[0] == ':')
        return FIELD_COMMENT;
    return parser->feed && is_of_adoption(line) ? FIELD_OF_ADOPTION : FIELD_OTHER;
}

/* Makes room for `more` bytes of data; on false the event is refused. */
static bool data_reserve(struct event_text *parser, size_t more)
{
    size_t need = parser->event.data.len + more;
    if (need > parser->data_max) {
        refuse(parser, EVENT_TEXT_LARGE, parser->error_large);
        return false;
    }
    if (need <= parser->data_capacity)
        return true;
    size_t capacity = need < DATA_FIRST_BYTES ? DATA_FIRST_BYTES : need;
    if (capacity < 2 * parser->data_capacity)
        capacity = 2 * parser->data_capacity;
    if (capacity > parser->data_max)
        capacity = parser->data_max;
    char *data = NULL;
    if (!parser->tight || need <= DATA_TIGHT_BYTES)
        data = realloc(parser->data, capacity);
    if (!data) {
        refuse(parser, EVENT_TEXT_MEMORY, "the server has no memory for the event");
        parser->event.data = TEXT(""); /* what there is of it goes at once */
        drop_data(parser);
        return false;
    }
    parser->data = data;
    parser->data_capacity = capacity;
    return true;
}

static void data_append(struct event_text *parser, const char *bytes, size_t len)
{
    if (parser->fault || len == 0 || !data_reserve(parser, len))
        return;
    memcpy(parser->data + parser->event.data.len, bytes, len);
    parser->event.data = (struct text){parser->data, parser->event.data.len + len};
}

/* Bytes of a hand-over's lines, which are read when all are there. */
static void adoption_append(struct event_text *parser, const char *bytes, size_t len)
{
    size_t need = parser->adoption.len + len, capacity = DATA_FIRST_BYTES;
    if (parser->adoption_fault)
        return;
    while (capacity < need)
        capacity *= 2;
    char *grown = parser->adoption_bytes;
    if (need > ADOPTION_BYTES_MAX)
        parser->adoption_fault = EVENT_TEXT_LARGE;
    else if (capacity > parser->adoption_capacity &&
             !(grown = realloc(parser->adoption_bytes, capacity)))
        parser->adoption_fault = EVENT_TEXT_MEMORY;
    if (parser->adoption_fault)
        return;
    if (capacity > parser->adoption_capacity)
        parser->adoption_capacity = capacity;
    parser->adoption_bytes = grown;
    memcpy(grown + parser->adoption.len, bytes, len);
    parser->adoption = (struct text){grown, need};
}

/* Of a hand-over that was cut, or of which not all could be kept, the last line may lack its end:
 * whoever reads lines finds none such. */
static void adoption_trim(struct event_text *parser)
{
    struct text *adoption = &parser->adoption;
    const char *end = adoption->len ? memrchr(adoption->at, '\n', adoption->len) : NULL;
    adoption->len = end ? (size_t)(end + 1 - adoption->at) : 0;
}

/* Copies data that lies in the caller's bytes, before they go or more data follows. */
static void data_own(struct event_text *parser)
{
    if (!parser->data_borrowed)
        return;
    struct text borrowed = parser->event.data;
    parser->data_borrowed = false;
    parser->event.data = TEXT("");
    data_append(parser, borrowed.at, borrowed.len);
}

/* One more line of data: the lines are joined by LF. */
static void take_data(struct event_text *parser, struct text value, bool may_borrow)
{
    bool more = parser->seen & SEEN(FIELD_DATA);
    parser->seen |= SEEN(FIELD_DATA);
    if (parser->fault)
        return;
    if (more) {
        data_own(parser);
        data_append(parser, "\n", 1);
        data_append(parser, value.at, value.len);
    } else if (may_borrow && value.len <= parser->data_max) {
        parser->event.data = value;
        parser->data_borrowed = true;
    } else {
        data_append(parser, value.at, value.len);
    }
}

/* Keeps a short value in its own place in the parser. */
static void keep(struct event_text *parser, enum field field, struct text value, char *place,
                 size_t size, struct text *ret_text)
{
    if (value.len > size) {
        refuse(parser, EVENT_TEXT_FIELD, field_error(field));
        return;
    }
    memcpy(place, value.at, value.len);
    *ret_text = (struct text){place, value.len};
}

static void take_channel(struct event_text *parser, struct text value)
{
    if (parser->seen & SEEN(FIELD_CHANNEL))
        refuse(parser, EVENT_TEXT_FIELD, "the event has more than one channel");
    else if (value.len == 0)
        refuse(parser, EVENT_TEXT_FIELD, frame_fault_text(FRAME_CHANNEL_EMPTY));
    else
        keep(parser, FIELD_CHANNEL, value, parser->channel, sizeof(parser->channel),
             &parser->event.channel);
}

/* A field that is 1 where it is there at all. */
static bool take_one(struct event_text *parser, enum field field, struct text value)
{
    if (!text_equals(value, TEXT("1")))
        refuse(parser, EVENT_TEXT_FIELD, field_error(field));
    return text_equals(value, TEXT("1"));
}

/* A whole, non-empty line. */
static void take_line(struct event_text *parser, struct text line, bool may_borrow)
{
    size_t value_at;
    enum field field = field_of(parser, line, &value_at);
    struct text value = {line.at + value_at, line.len - value_at};
    if (field == FIELD_ADOPT || field == FIELD_OF_ADOPTION) {
        parser->adopts |= field == FIELD_ADOPT;
        adoption_append(parser, line.at, line.len);
        adoption_append(parser, "\n", 1);
        return;
    }
    if (field != FIELD_DATA && field < FIELD_OTHER && line.len > sizeof(parser->line)) {
        refuse_field(parser, field);
        parser->seen |= (uint16_t)SEEN(field);
        return;
    }

    switch (field) {
    case FIELD_DATA:
        take_data(parser, value, may_borrow);
        break;
    case FIELD_CHANNEL:
        take_channel(parser, value);
        break;
    case FIELD_EVENT:
        keep(parser, field, value, parser->type, sizeof(parser->type), &parser->event.type);
        break;
    case FIELD_ID:
        keep(parser, field, value, parser->id, sizeof(parser->id), &parser->event.id);
        break;
    case FIELD_KEY:
        keep(parser, field, value, parser->key, sizeof(parser->key), &parser->event.key);
        break;
    case FIELD_ACK:
        /* What a channel may be, only shorter: both are echoed into a stream. */
        if (frame_check_channel(value) == FRAME_OK)
            keep(parser, field, value, parser->ack_bytes, ACK_BYTES_MAX, &parser->ack);
        else
            refuse(parser, EVENT_TEXT_FIELD, field_error(field));
        break;
    case FIELD_RETRY:
        if (!retry_parse(value, &parser->event.retry_ms))
            refuse_field(parser, field);
        break;
    case FIELD_WAIT:
        parser->wait_no = text_equals(value, TEXT("no"));
        if (!parser->wait_no)
            refuse(parser, EVENT_TEXT_FIELD, field_error(field));
        break;
    case FIELD_END:
        parser->event.ends = take_one(parser, field, value);
        break;
    case FIELD_COUNT:
        if (!parser->feed) /* somebody else's: a body may be any stream */
            return;
        parser->counts = take_one(parser, field, value);
        break;
    case FIELD_ALL:
        parser->event.all = take_one(parser, field, value);
        break;
    default:
        return;
    }
    parser->seen |= (uint16_t)SEEN(field);
}

/* --- lines --------------------------------------------------------------------------------- */

/* A held line that is long enough for its field to be known, or too long for any. */
static void settle_line(struct event_text *parser)
{
    struct text line = {parser->line, parser->line_len};
    size_t value_at;
    enum field field = field_of(parser, line, &value_at);
    if (field == FIELD_ADOPT || field == FIELD_OF_ADOPTION) {
        parser->adopts |= field == FIELD_ADOPT;
        adoption_append(parser, line.at, line.len);
        parser->line_state = LINE_ADOPTION;
    } else if (field == FIELD_DATA) {
        take_data(parser, (struct text){line.at + value_at, line.len - value_at}, false);
        parser->line_state = LINE_DATA;
    } else if (field >= FIELD_OTHER) {
        parser->line_state = LINE_SKIP;
    } else if (line.len == sizeof(parser->line)) {
        refuse_field(parser, field);
        parser->seen |= (uint16_t)SEEN(field);
        parser->line_state = LINE_SKIP;
    }
}

/* Bytes of a line that does not lie whole in one call; `len` may be 0. */
static void take_piece(struct event_text *parser, const char *bytes, size_t len)
{
    while (len > 0 && parser->line_state == LINE_HELD) {
        size_t until =
            parser->line_len < FIELD_KNOWN_BYTES ? FIELD_KNOWN_BYTES : sizeof(parser->line);
        size_t part = until - parser->line_len < len ? until - parser->line_len : len;
        if (part == 0) {
            settle_line(parser);
            break;
        }
        memcpy(parser->line + parser->line_len, bytes, part);
        parser->line_len += (uint16_t)part;
        bytes += part;
        len -= part;
        if (parser->line_len == FIELD_KNOWN_BYTES)
            settle_line(parser);
    }
    if (parser->line_state == LINE_DATA)
        data_append(parser, bytes, len);
    else if (parser->line_state == LINE_ADOPTION)
        adoption_append(parser, bytes, len);
}

/* The rest of a line, without its end. True if the line is blank. */
static bool finish_line(struct event_text *parser, struct text rest)
{
    if (parser->line_state == LINE_HELD && parser->line_len == 0) {
        if (rest.len == 0)
            return true;
        take_line(parser, rest, true);
        return false;
    }
    take_piece(parser, rest.at, rest.len);
    if (parser->line_state == LINE_HELD)
        take_line(parser, (struct text){parser->line, parser->line_len}, false);
    else if (parser->line_state == LINE_ADOPTION)
        adoption_append(parser, "\n", 1);
    parser->line_state = LINE_HELD;
    parser->line_len = 0;
    return false;
}

/*
 * The first CR or LF. In windows, because a search for one of the two must not run through all the
 * bytes when the other one is near: that would make many short lines quadratic. The shortest are
 * not worth a call.
 */
static const char *find_line_end(const char *at, const char *end)
{
    enum { NEAR = 4, WINDOW = 512 };
    for (unsigned i = 0; i < NEAR && at < end; i++, at++)
        if (*at == '\n' || *at == '\r')
            return at;
    while (at < end) {
        size_t len = end - at < WINDOW ? (size_t)(end - at) : WINDOW;
        const char *lf = memchr(at, '\n', len);
        const char *cr = memchr(at, '\r', lf ? (size_t)(lf - at) : len);
        if (cr || lf)
            return cr ? cr : lf;
        at += len;
    }
    return NULL;
}

/* The start of the stream: steps over a byte order mark. Returns where the text begins. */
static const char *skip_mark(struct event_text *parser, const char *at, const char *end)
{
    while (at < end && parser->mark_len < sizeof(byte_order_mark)) {
        if (*at != byte_order_mark[parser->mark_len]) {
            /* No mark: what looked like one begins the first line. */
            memcpy(parser->line, byte_order_mark, parser->mark_len);
            parser->line_len = parser->mark_len;
            parser->mark_len = sizeof(byte_order_mark);
            break;
        }
        parser->mark_len++;
        at++;
    }
    return at;
}

static bool may_lack_data(const struct event_text *parser)
{
    return (parser->event.retry_ms >= 0 || (parser->seen & SEEN(FIELD_END))) &&
           !(parser->seen & (SEEN(FIELD_EVENT) | SEEN(FIELD_ID)));
}

static enum event_text_result finish_adoption(struct event_text *parser)
{
    if (parser->seen & ~SEEN(FIELD_ACK))
        refuse(parser, EVENT_TEXT_FIELD,
               "a block with adopt is a hand-over, and has no field of an event but ack");
    if (parser->adoption_fault)
        refuse(parser, parser->adoption_fault,
               parser->adoption_fault == EVENT_TEXT_MEMORY
                   ? "the server has no memory for the hand-over"
                   : "the hand-over is longer than 131072 bytes");
    adoption_trim(parser);
    parser->event_done = true;
    return parser->fault ? EVENT_TEXT_REFUSED : EVENT_TEXT_ADOPTION;
}

/* A blank line: MORE if there was no event before it. */
static enum event_text_result finish_event(struct event_text *parser)
{
    if (parser->adopts)
        return finish_adoption(parser);
    drop_adoption(parser);
    if (!parser->seen)
        return EVENT_TEXT_MORE;
    bool has_data = parser->seen & SEEN(FIELD_DATA);
    parser->event.without_data = !has_data;
    bool is_event = has_data || may_lack_data(parser);
    if (!is_event && !parser->feed) {
        begin_event(parser);
        return EVENT_TEXT_MORE;
    }
    if (!is_event)
        refuse(parser, EVENT_TEXT_FIELD, frame_fault_text(FRAME_DATA_NONE));
    bool has_channel = parser->seen & SEEN(FIELD_CHANNEL), to_all = parser->seen & SEEN(FIELD_ALL);
    if (to_all && has_channel)
        refuse(parser, EVENT_TEXT_FIELD, frame_fault_text(FRAME_ALL_CHANNEL));
    if (parser->feed && !has_channel && !to_all)
        refuse(parser, EVENT_TEXT_FIELD, "the event has no channel");
    parser->event_done = true;
    return parser->fault ? EVENT_TEXT_REFUSED : EVENT_TEXT_EVENT;
}

enum event_text_result event_text_read(struct event_text *parser, const char *bytes, size_t len,
                                       size_t *ret_consumed)
{
    const char *at = bytes;
    const char *end = bytes + len;
    if (parser->event_done)
        begin_event(parser);
    if (parser->mark_len < sizeof(byte_order_mark))
        at = skip_mark(parser, at, end);

    while (at < end) {
        bool second_half = parser->after_cr && *at == '\n';
        parser->after_cr = false;
        if (second_half) {
            at++;
            parser->begin += parser->begin == parser->place + (uint64_t)(at - 1 - bytes);
            continue;
        }
        const char *line_end = find_line_end(at, end);
        if (!line_end) {
            take_piece(parser, at, (size_t)(end - at));
            break;
        }
        bool blank = finish_line(parser, (struct text){at, (size_t)(line_end - at)});
        parser->after_cr = *line_end == '\r';
        at = line_end + 1;
        if (!blank)
            continue;
        enum event_text_result result = finish_event(parser);
        parser->end = parser->place + (uint64_t)(at - bytes);
        if (result != EVENT_TEXT_MORE) {
            *ret_consumed = (size_t)(at - bytes);
            parser->place = parser->end;
            return result;
        }
        parser->begin = parser->end;
    }
    data_own(parser);
    *ret_consumed = len;
    parser->place += len;
    return EVENT_TEXT_MORE;
}

bool event_text_pending(const struct event_text *parser)
{
    if (parser->event_done)
        return false;
    if (parser->seen || parser->adopts)
        return true;
    if (parser->line_state != LINE_HELD || parser->line_len == 0)
        return false;
    /* A short line without a colon may be the begin of any name, so of an event. */
    size_t value_at;
    if (!memchr(parser->line, ':', parser->line_len))
        return parser->line_len < EVENT_NAME_BYTES;
    return field_of(parser, (struct text){parser->line, parser->line_len}, &value_at) < FIELD_OTHER;
}

enum event_text_result event_text_end(struct event_text *parser)
{
    bool pending = event_text_pending(parser);
    if (pending)
        refuse(parser, EVENT_TEXT_CUT, "the input ended before the event's blank line");
    adoption_trim(parser);
    parser->event_done = true;
    parser->end = parser->place;
    parser->line_state = LINE_HELD;
    parser->line_len = 0;
    return pending ? EVENT_TEXT_REFUSED : EVENT_TEXT_MORE;
}
