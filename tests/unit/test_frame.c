/* SPDX-License-Identifier: MIT */
/* Frames: exact bytes, the line ends of data, every refusal on both sides of its limit, ids. */
#include <criterion/criterion.h>

#include "engine/frame.h"

static struct frame *make(const char *channel, const char *type, const char *id, const char *data,
                          int64_t retry_ms)
{
    struct event event = {.channel = text_of(channel),
                          .type = text_of(type),
                          .id = text_of(id),
                          .data = text_of(data),
                          .retry_ms = retry_ms};
    struct frame *frame = NULL;
    cr_assert_eq(frame_new(&event, 42, &frame), 0);
    return frame;
}

static void expect_plain(struct frame *frame, const char *expected)
{
    struct text view = frame_view(frame, true);
    cr_expect(text_equals(view, text_of(expected)), "got: %.*s", (int)view.len, view.at);
    frame_unref(frame);
}

static enum frame_fault fault_of(struct event event)
{
    struct frame *frame = NULL;
    int r = frame_new(&event, 0, &frame);
    cr_assert(r >= 0);
    cr_expect_eq(frame_check_event(&event), (enum frame_fault)r, "the check without a frame");
    frame_unref(frame);
    return (enum frame_fault)r;
}

static struct event sound(void)
{
    return (struct event){.channel = TEXT("news"), .data = TEXT("x"), .retry_ms = -1};
}

Test(frame, bytes_of_an_event)
{
    struct frame *frame = make("news", "headline", "", "hello", -1);
    struct ids ids;
    ids_init(&ids, 0xabcdef012345, NULL);
    frame_stamp(frame, &ids, 0x1f);
    struct text chunked = frame_view(frame, false);
    static const char expected[] = "3f\r\nevent: headline\ndata: hello\n"
                                   "id: abcdef012345-000000000000001f\n\n\r\n";
    cr_expect(text_equals(chunked, TEXT(expected)), "got: %.*s", (int)chunked.len, chunked.at);
    cr_expect(text_equals(frame_channel(frame), TEXT("news")));
    cr_expect_eq(frame->channel_hash, 42);
    cr_expect_eq(frame->sequence, 31);
    frame_unref(frame);
}

Test(frame, chunk_size_is_the_size_of_the_text)
{
    for (size_t len = 0; len < 300; len++) {
        char data[301] = {0};
        memset(data, 'x', len);
        struct frame *frame = make("c", "", "", data, -1);
        struct text chunked = frame_view(frame, false), plain = frame_view(frame, true);
        char *end;
        cr_expect_eq(strtoul(chunked.at, &end, 16), plain.len);
        cr_expect_eq(memcmp(end, "\r\n", 2), 0);
        cr_expect_eq(memcmp(plain.at + plain.len - 2, "\n\n", 2), 0);
        cr_expect_eq(memcmp(chunked.at + chunked.len - 2, "\r\n", 2), 0);
        frame_unref(frame);
    }
}

Test(frame, every_line_of_data_is_its_own_field)
{
    expect_plain(make("c", "", "i", "a\nb", -1), "data: a\ndata: b\nid: i\n\n");
    expect_plain(make("c", "", "i", "a\rb", -1), "data: a\ndata: b\nid: i\n\n");
    expect_plain(make("c", "", "i", "a\r\nb", -1), "data: a\ndata: b\nid: i\n\n");
    expect_plain(make("c", "", "i", "a\n\rb", -1), "data: a\ndata: \ndata: b\nid: i\n\n");
    expect_plain(make("c", "", "i", "a\n", -1), "data: a\ndata: \nid: i\n\n");
    expect_plain(make("c", "", "i", "a\r", -1), "data: a\ndata: \nid: i\n\n");
    expect_plain(make("c", "", "i", "a\r\n", -1), "data: a\ndata: \nid: i\n\n");
    expect_plain(make("c", "", "i", "\r\r\n\n", -1), "data: \ndata: \ndata: \ndata: \nid: i\n\n");
    expect_plain(make("c", "", "i", "", -1), "data: \nid: i\n\n");
    expect_plain(make("c", "", "i", " a", -1), "data:  a\nid: i\n\n");
}

Test(frame, retry_and_given_id)
{
    struct frame *frame = make("c", "t", "my id", "x", 1500);
    struct ids ids;
    ids_init(&ids, 1, NULL);
    frame_stamp(frame, &ids, 2);
    cr_expect(text_equals(frame_id(frame), TEXT("my id")));
    expect_plain(frame, "event: t\ndata: x\nretry: 1500\nid: my id\n\n");
}

Test(frame, retry_above_an_hour_is_an_hour)
{
    expect_plain(make("c", "", "i", "x", 3600000), "data: x\nretry: 3600000\nid: i\n\n");
    expect_plain(make("c", "", "i", "x", 3600001), "data: x\nretry: 3600000\nid: i\n\n");
    expect_plain(make("c", "", "i", "x", INT64_MAX), "data: x\nretry: 3600000\nid: i\n\n");
}

Test(frame, the_servers_own_type)
{
    struct event event = sound();
    event.type = TEXT("fanfare-gap");
    cr_expect_eq(fault_of(event), FRAME_TYPE_OURS);
    event.type = TEXT("fanfare-gaps");
    cr_expect_eq(fault_of(event), FRAME_OK);
    event.type = TEXT("Fanfare-gap"); /* types are compared as they are */
    cr_expect_eq(fault_of(event), FRAME_OK);
}

Test(frame, channel_names)
{
    struct event event = sound();
    char name[CHANNEL_BYTES_MAX + 2];
    memset(name, 'n', sizeof(name));
    event.channel = (struct text){name, CHANNEL_BYTES_MAX};
    cr_expect_eq(fault_of(event), FRAME_OK);
    event.channel.len++;
    cr_expect_eq(fault_of(event), FRAME_CHANNEL_LONG);
    event.channel.len = 0;
    cr_expect_eq(fault_of(event), FRAME_CHANNEL_EMPTY);
    static const struct text bad[] = {
        TEXT_INIT("a\nb"),     TEXT_INIT("a\x7f"),        TEXT_INIT("a\0b"), TEXT_INIT("\xff"),
        TEXT_INIT("\xc2\x85"), TEXT_INIT("\xed\xa0\x80"), TEXT_INIT("\xc3")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        event.channel = bad[i];
        cr_expect_eq(fault_of(event), FRAME_CHANNEL_TEXT, "case %zu", i);
    }
    event.channel = TEXT("@presence/a"); /* the server's own */
    cr_expect_eq(fault_of(event), FRAME_CHANNEL_OURS);
    event.ours = true;
    cr_expect_eq(fault_of(event), FRAME_OK);
    event.ours = false;
    event.channel = TEXT("@presence");
    cr_expect_eq(fault_of(event), FRAME_OK);
    event.channel = TEXT("a/b c+%20 \xc3\xa9\xf0\x9f\x8e\xba");
    cr_expect_eq(fault_of(event), FRAME_OK);
}

Test(frame, nothing_injects_a_field)
{
    static const struct text bad[] = {TEXT_INIT("a\nb"), TEXT_INIT("a\rb"), TEXT_INIT("a\0b"),
                                      TEXT_INIT("\xc0\x80")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct event event = sound();
        event.type = bad[i];
        cr_expect_eq(fault_of(event), FRAME_TYPE_TEXT);
        event = sound();
        event.id = bad[i];
        cr_expect_eq(fault_of(event), FRAME_ID_TEXT);
    }
    struct event event = sound();
    event.data = TEXT("a\0b");
    cr_expect_eq(fault_of(event), FRAME_DATA_TEXT);
    event.data = TEXT("12345678\xff");
    cr_expect_eq(fault_of(event), FRAME_DATA_TEXT);
    event.data = TEXT("1234567\0");
    cr_expect_eq(fault_of(event), FRAME_DATA_TEXT);
}

Test(frame, ids_and_retry)
{
    struct event event = sound();
    event.id = TEXT(" x");
    cr_expect_eq(fault_of(event), FRAME_ID_SPACE);
    event.id = TEXT("x ");
    cr_expect_eq(fault_of(event), FRAME_ID_SPACE);
    event.id = TEXT("0123456789ab-0000000000000001");
    cr_expect_eq(fault_of(event), FRAME_ID_OURS);
    event.id = TEXT("earliest");
    cr_expect_eq(fault_of(event), FRAME_ID_EARLIEST);
    event.id = TEXT("0123456789AB-0000000000000001");
    cr_expect_eq(fault_of(event), FRAME_OK, "upper case is not our form");
    char id[EVENT_ID_BYTES_MAX + 1];
    memset(id, 'i', sizeof(id));
    event.id = (struct text){id, EVENT_ID_BYTES_MAX};
    cr_expect_eq(fault_of(event), FRAME_OK);
    event.id.len++;
    cr_expect_eq(fault_of(event), FRAME_ID_LONG);
    event = sound();
    event.retry_ms = -2;
    cr_expect_eq(fault_of(event), FRAME_RETRY_RANGE);
}

Test(frame, every_fault_has_a_sentence)
{
    for (int fault = FRAME_OK; fault <= FRAME_RETRY_RANGE; fault++) {
        const char *sentence = frame_fault_text((enum frame_fault)fault);
        cr_expect(sentence && strlen(sentence) > 5 && strcmp(sentence, "unknown fault") != 0);
    }
}

Test(frame, chunk_lines)
{
    static const struct {
        size_t len;
        const char *line;
    } cases[] = {{1, "1\r\n"},
                 {15, "f\r\n"},
                 {16, "10\r\n"},
                 {255, "ff\r\n"},
                 {4096, "1000\r\n"},
                 {0xabcdef, "abcdef\r\n"},
                 {0, "0\r\n"},
                 {UINT32_MAX, "ffffffff\r\n"},
                 {SIZE_MAX, "ffffffffffffffff\r\n"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[CHUNK_LINE_ROOM];
        size_t len = chunk_line_format(line, cases[i].len);
        cr_assert(text_equals((struct text){line, len}, text_of(cases[i].line)), "%zu: %.*s",
                  cases[i].len, (int)len, line);
    }
}
