/* SPDX-License-Identifier: MIT */
/*
 * What subscribers are sent beside events, in each form: see form.h.
 *
 * A piece is event-stream text (WHATWG HTML section 9.2), with a chunk around it in the chunked
 * form. All text is measured or bounded before it is put, and copied in stretches.
 */
#include "engine/form.h"

#include "engine/base/builder.h"
#include "engine/subscriber_id.h"

#define CRLF TEXT("\r\n")

/* --- pieces -------------------------------------------------------------------------------- */

static void put_piece(enum form form, struct builder *builder, struct text text)
{
    if (form == FORM_CHUNKED)
        builder->at += chunk_line_format(builder_room(builder, CHUNK_LINE_ROOM), text.len);
    builder_put(builder, text);
    if (form == FORM_CHUNKED)
        builder_put(builder, CRLF);
}

static struct frame *built(struct frame *frame, const struct builder *builder)
{
    frame->len = (uint32_t)builder_text(builder).len;
    return frame;
}

static struct frame *small_piece(enum form form, enum frame_kind kind, struct text text,
                                 struct text after)
{
    size_t size = text.len + CHUNK_LINE_ROOM + CRLF.len + after.len;
    struct frame *frame = frame_new_room(kind, size);
    if (!frame)
        return NULL;
    struct builder builder = builder_of(frame->bytes, size);
    put_piece(form, &builder, text);
    builder_put(&builder, after);
    return built(frame, &builder);
}

struct frame *form_comment(enum form form)
{
    return small_piece(form, FRAME_NOTE, TEXT(":\n"), TEXT(""));
}

/* --- the beginning ------------------------------------------------------------------------- */

#define HEAD(charset)                                                                              \
    "HTTP/1.1 200 OK\r\n"                                                                          \
    "Content-Type: text/event-stream" charset "\r\n"                                               \
    "Cache-Control: no-cache, no-transform\r\n"                                                    \
    "X-Accel-Buffering: no\r\n"                                                                    \
    "Connection: close\r\n"

#define CHUNKED "Transfer-Encoding: chunked\r\n"

/* Each is copied as a constant, which a join feels. */
static inline void put_head(struct builder *builder, enum form form, bool charset)
{
    if (charset)
        builder_put(builder, form == FORM_CHUNKED ? TEXT(HEAD("; charset=utf-8") CHUNKED)
                                                  : TEXT(HEAD("; charset=utf-8")));
    else
        builder_put(builder, form == FORM_CHUNKED ? TEXT(HEAD("") CHUNKED) : TEXT(HEAD("")));
}

/* The lines that are not always the same, and the chunk around the preface. */
#define HEAD_REST_BYTES_MAX 192

/* `retry:` and an id without data, which a client stores although no event is dispatched (section
 * 9.2.6): one that is cut off before its first event resumes without a hole. */
#define PREFACE_BYTES_MAX (EVENT_ID_BYTES_MAX + 64)

static void put_whole_head(struct builder *builder, enum form form,
                           const struct form_opening *opening)
{
    put_head(builder, form, opening->charset);
    builder_put(builder, !opening->resumes ? TEXT("Fanfare-Resume: none\r\n")
                         : opening->notice ? TEXT("Fanfare-Resume: gap\r\n")
                                           : TEXT("Fanfare-Resume: complete\r\n"));
    if (opening->subscriber) {
        builder_put(builder, TEXT("Fanfare-Subscriber: "));
        subscriber_id_format(builder_reserve(builder, SUBSCRIBER_ID_LEN), opening->subscriber);
        builder_put(builder, CRLF);
    }
    builder_put(builder, opening->lines);
    builder_put(builder, CRLF);
}

struct frame *form_open(enum form form, const struct form_opening *opening)
{
    const struct frame *notice = opening->notice;
    char preface_bytes[PREFACE_BYTES_MAX];
    struct builder preface = builder_of(preface_bytes, sizeof(preface_bytes));
    builder_put(&preface, TEXT("retry: "));
    builder_put_decimal(&preface, opening->retry_ms);
    if (opening->point.at) {
        builder_put(&preface, TEXT("\nid: "));
        builder_put(&preface, opening->point);
    }
    builder_put(&preface, TEXT("\n\n"));
    size_t preface_len = opening->bare ? 0 : builder_text(&preface).len;

    size_t size = sizeof(HEAD("")) + HEAD_REST_BYTES_MAX + opening->lines.len + preface_len +
                  (notice ? notice->len : 0);
    for (unsigned i = 0; i < opening->first_count; i++)
        size += opening->first[i]->len;
    struct frame *frame = frame_new_room(FRAME_NOTE, size);
    if (!frame)
        return NULL;
    struct builder builder = builder_of(frame->bytes, size);
    if (!opening->head_sent)
        put_whole_head(&builder, form, opening);
    if (!opening->bare)
        put_piece(form, &builder, builder_text(&preface));
    for (unsigned i = 0; i < opening->first_count; i++)
        builder_put(&builder, form_view(form, opening->first[i]));
    if (notice)
        builder_put(&builder, (struct text){notice->bytes, notice->len});
    return built(frame, &builder);
}

/* --- gap notices --------------------------------------------------------------------------- */

/* A JSON string of text that is valid UTF-8 without control characters: up to two bytes for one. */
static void put_string(struct builder *builder, struct text text)
{
    builder_put(builder, TEXT("\""));
    for (size_t from = 0; from < text.len;) {
        /* The stretch up to the next character that is to be escaped, and that one with the next
         * stretch, so that it is copied as it is. */
        size_t to = from + 1;
        while (to < text.len && text.at[to] != '"' && text.at[to] != '\\')
            to++;
        if (text.at[from] == '"' || text.at[from] == '\\')
            builder_put(builder, TEXT("\\"));
        builder_put(builder, (struct text){text.at + from, to - from});
        from = to;
    }
    builder_put(builder, TEXT("\""));
}

static void put_place(struct builder *builder, struct ids *ids, uint64_t sequence)
{
    id_format_place(builder_reserve(builder, ID_LEN), ids, sequence);
}

/* What one event has beside the channel's name and what is the same in all of them. */
#define LOSS_BYTES_MAX 200

static_assert((SUBSCRIBER_CHANNELS_MAX + 1) * LOSS_BYTES_MAX +
                      SUBSCRIBER_CHANNELS_MAX * 2 * (CHANNEL_BYTES_MAX + EVENT_ID_BYTES_MAX + 1) <=
                  GAP_NOTICE_BYTES_MAX,
              "a notice of every channel has its place");

static void put_loss(struct builder *builder, const struct form_gap *gap,
                     const struct form_loss *loss, struct text from)
{
    builder_put(builder, TEXT("event: fanfare-gap\ndata: {\"reason\": \""));
    builder_put(builder, text_of(gap->reason));
    builder_put(builder, TEXT("\", \"channel\": "));
    put_string(builder, loss->channel);
    builder_put(builder, TEXT(", \"from\": "));
    builder_put(builder, from);
    builder_put(builder, TEXT(", \"to\": \""));
    put_place(builder, gap->ids, loss->through);
    builder_put(builder, TEXT("\", \"missed\": "));
    if (loss->missed < 0)
        builder_put(builder, TEXT("null"));
    else
        builder_put_decimal(builder, (uint64_t)loss->missed);
    builder_put(builder, TEXT("}\n"));
}

struct frame *form_notice(enum form form, const struct form_gap *gap)
{
    char from_bytes[2 * EVENT_ID_BYTES_MAX + 2];
    struct builder from = builder_of(from_bytes, sizeof(from_bytes));
    if (gap->from.at)
        put_string(&from, gap->from);
    else
        builder_put(&from, TEXT("null"));
    size_t size = LOSS_BYTES_MAX;
    for (unsigned i = 0; i < gap->count; i++)
        size += LOSS_BYTES_MAX + 2 * gap->losses[i].channel.len + builder_text(&from).len;
    CHECK(size <= GAP_NOTICE_BYTES_MAX);
    struct frame *frame = frame_new_room(FRAME_GAP, size);
    if (!frame)
        return NULL;
    struct builder builder = builder_of(frame->bytes, size);
    /* Before the text stands its length, which is known at the end: the text moves up to it. */
    char *text = builder_reserve(&builder, form == FORM_CHUNKED ? CHUNK_LINE_ROOM : 0);
    for (unsigned i = 0; i < gap->count; i++) {
        put_loss(&builder, gap, &gap->losses[i], builder_text(&from));
        if (i + 1 == gap->count) {
            builder_put(&builder, TEXT("id: "));
            put_place(&builder, gap->ids, gap->position);
            builder_put(&builder, TEXT("\n"));
        }
        builder_put(&builder, TEXT("\n"));
    }
    if (form == FORM_CHUNKED) {
        size_t len = (size_t)(builder.at - text) - CHUNK_LINE_ROOM;
        size_t line_len = chunk_line_format(text, len);
        memmove(text + line_len, text + CHUNK_LINE_ROOM, len);
        builder.at = text + line_len + len;
        builder_put(&builder, CRLF);
    }
    frame->sequence = gap->position;
    return built(frame, &builder);
}

/* --- the end ------------------------------------------------------------------------------- */

static struct text end_of(enum form form)
{
    return form == FORM_CHUNKED ? TEXT("0\r\n\r\n") : TEXT("");
}

struct frame *form_end(enum form form)
{
    struct text end = end_of(form);
    return frame_new_private(FRAME_LAST, end.at, end.len);
}

struct frame *form_goodbye(enum form form, uint32_t retry_ms, bool bare, bool ended)
{
    char bytes[48];
    struct builder text = builder_of(bytes, sizeof(bytes));
    builder_put(&text, ended ? TEXT(": end\nretry: ") : TEXT("retry: "));
    builder_put_decimal(&text, retry_ms);
    builder_put(&text, bare ? TEXT("\n") : TEXT("\n\n"));
    return small_piece(form, FRAME_LAST, builder_text(&text), end_of(form));
}

struct frame *form_over(struct text lines)
{
    const struct text status = TEXT("HTTP/1.1 204 No Content\r\n");
    const struct text end = TEXT("Connection: close\r\n\r\n");
    size_t size = status.len + lines.len + end.len;
    struct frame *frame = frame_new_room(FRAME_NOTE, size);
    if (!frame)
        return NULL;
    struct builder builder = builder_of(frame->bytes, size);
    builder_put(&builder, status);
    builder_put(&builder, lines);
    builder_put(&builder, end);
    return built(frame, &builder);
}

/* A stream that ends at once, after it has said when to come back, and from where. */
static void put_off(struct builder *builder, enum form form, const struct form_refusal *refusal)
{
    char bytes[PREFACE_BYTES_MAX];
    struct builder text = builder_of(bytes, sizeof(bytes));
    builder_put(&text, TEXT("retry: "));
    builder_put_decimal(&text, refusal->retry_ms);
    if (refusal->point.at && !refusal->bare) {
        builder_put(&text, TEXT("\nid: "));
        builder_put(&text, refusal->point);
    }
    builder_put(&text, refusal->bare ? TEXT("\n") : TEXT("\n\n"));
    put_head(builder, form, refusal->charset);
    builder_put(builder, TEXT("Fanfare-Refused: "));
    builder_put(builder, refusal->reason);
    builder_put(builder, CRLF);
    builder_put(builder, refusal->lines.len > FORM_REFUSAL_LINES_MAX ? TEXT("") : refusal->lines);
    builder_put(builder, CRLF);
    put_piece(form, builder, builder_text(&text));
    builder_put(builder, end_of(form));
}

static void put_503(struct builder *builder, const struct form_refusal *refusal)
{
    builder_put(builder, TEXT("HTTP/1.1 503 Service Unavailable\r\n"
                              "Content-Type: text/plain; charset=utf-8\r\n"
                              "Content-Length: "));
    builder_put_decimal(builder, refusal->sentence.len + 1);
    builder_put(builder, TEXT("\r\nRetry-After: "));
    builder_put_decimal(builder, (refusal->retry_ms + 999) / 1000);
    builder_put(builder, TEXT("\r\nConnection: close\r\n"));
    builder_put(builder, refusal->lines.len > FORM_REFUSAL_LINES_MAX ? TEXT("") : refusal->lines);
    builder_put(builder, CRLF);
    builder_put(builder, refusal->sentence);
    builder_put(builder, TEXT("\n"));
}

size_t form_refusal(enum form form, const struct form_refusal *refusal,
                    char out[FORM_REFUSAL_BYTES_MAX])
{
    struct builder builder = builder_of(out, FORM_REFUSAL_BYTES_MAX);
    if (refusal->puts_off)
        put_off(&builder, form, refusal);
    else
        put_503(&builder, refusal);
    return builder_text(&builder).len;
}
