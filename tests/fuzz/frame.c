/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the frame builder. What is accepted reads back exactly, in both views and through
 * the feed's own reader, and nothing else does; what is accepted at all is what the rules say.
 *
 * Input: channel, type, id and retry on a line each (`\n` within them, for a line end, `\r` and
 * `\\`), then the data.
 */
#include "tests/fuzz/rules.h"
#include "tests/fuzz/stream.h"
#include "tests/fuzz/target.h"

#include "net/feed/event_text.h"

#define FIELD_BYTES 600

/* A line with its escapes undone, so that line ends can get where they must not. */
static struct text take_escaped(struct text *rest, char out[FIELD_BYTES])
{
    struct text line = take_line(rest);
    size_t len = 0;
    for (size_t i = 0; i < line.len && len < FIELD_BYTES; i++) {
        bool escaped = line.at[i] == '\\' && i + 1 < line.len;
        char byte = escaped ? line.at[++i] : line.at[i];
        if (escaped && (byte == 'n' || byte == 'r'))
            byte = byte == 'n' ? '\n' : '\r';
        out[len++] = byte;
    }
    return (struct text){out, len};
}

/* Anything a caller could pass; no number at all stands for none. */
static int64_t number_of(struct text text)
{
    uint64_t number = 0;
    bool negative = text.len && text.at[0] == '-';
    for (size_t i = negative; i < text.len; i++)
        number = number * 10 + (unsigned char)(text.at[i] - '0') % 10;
    if (text.len == 0)
        return -1;
    return (int64_t)(negative ? 0 - number : number);
}

/* What a subscriber gets can be published again as it is, but for the channel. */
static void publish_again(const struct frame *frame, const struct event *event)
{
    struct event_text parser;
    struct text view = frame_view(frame, true);
    size_t consumed;
    event_text_init(&parser, view.len, false);
    CHECK(event_text_read(&parser, view.at, view.len, &consumed) == EVENT_TEXT_EVENT);
    CHECK(consumed == view.len);
    char *room = malloc(event->data.len + 1);
    CHECK(room);
    CHECK(text_equals(parser.event.data, rules_normalise(event->data, room)));
    CHECK(text_equals(parser.event.type, event->type));
    CHECK(text_equals(parser.event.id, frame_id(frame)));
    CHECK(parser.event.retry_ms == rules_retry_ms(event->retry_ms));
    free(room);
    event_text_deinit(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text rest = text_of_input(bytes, len);
    char channel[FIELD_BYTES], type[FIELD_BYTES], id[FIELD_BYTES], retry[FIELD_BYTES];
    struct event event = {.channel = take_escaped(&rest, channel),
                          .type = take_escaped(&rest, type),
                          .id = take_escaped(&rest, id),
                          .retry_ms = number_of(take_escaped(&rest, retry)),
                          .data = rest};
    struct frame *frame = NULL;
    int r = frame_new(&event, 1, &frame);
    CHECK(r >= 0);
    CHECK((r == FRAME_OK) == rules_is_event(&event));
    CHECK(frame_is_text(event.data) == rules_is_text(event.data));
    CHECK((frame_check_channel(event.channel) == FRAME_OK) == rules_is_channel(event.channel));
    CHECK(strlen(frame_fault_text((enum frame_fault)r)) > 0);
    if (r != FRAME_OK) {
        CHECK(!frame);
        return 0;
    }
    stream_check_frame(frame, &event);
    publish_again(frame, &event);
    CHECK(frame_unref(frame_ref(frame)) == NULL);
    frame_unref(frame);
    return 0;
}
