/* SPDX-License-Identifier: MIT */
/*
 * The client's event-stream reader (WHATWG HTML section 9.2.6), fed whole and byte by byte, and the
 * writer of events for publishing, with the lines it is given.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "cmd/event_reader.h"
#include "cmd/event_writer.h"

/* TEXT is no constant, which a static table needs. */
#define BYTES(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* Events are noted as "type|id|data;" one after the other. */
static char noted[4096];

static void note(void *context, const struct read_event *event)
{
    (void)context;
    size_t len = strlen(noted);
    snprintf(noted + len, sizeof(noted) - len, "%.*s|%.*s|%.*s;", (int)event->type.len,
             event->type.at, (int)event->id.len, event->id.at, (int)event->data.len,
             event->data.at);
}

static void feed(struct event_reader *reader, struct text stream, size_t piece)
{
    for (size_t at = 0; at < stream.len; at += piece) {
        size_t len = stream.len - at < piece ? stream.len - at : piece;
        char *copy = malloc(len); /* its own end is the end of the memory, for the sanitizer */
        memcpy(copy, stream.at + at, len);
        cr_assert_eq(event_reader_feed(reader, (struct text){copy, len}), 0);
        free(copy);
    }
}

Test(event_reader, streams)
{
    static const struct {
        struct text stream;
        const char *events, *last_id;
    } cases[] = {
        {BYTES("data: a\n\n"), "message||a;", ""},
        {BYTES("data:a\ndata: b\ndata\n\n"), "message||a\nb\n;", ""},
        {BYTES("event: x\r\nid: 7\r\ndata:  two spaces\r\n\r\n"), "x|7| two spaces;", "7"},
        {BYTES("data: a\r\rdata: b\r\r"), "message||a;message||b;", ""},
        {BYTES("\xef\xbb\xbf"
               "data: a\n\n"),
         "message||a;", ""},
        {BYTES("data: a\n\n\xef\xbb\xbf"
               "data: b\n\n"),
         "message||a;", ""},
        {BYTES(": comment\ndata: a\n:\n\n"), "message||a;", ""},
        {BYTES("data\n\n"), "message||;", ""},
        {BYTES("retry: 10\nid: start\n\n"), "", "start"},
        {BYTES("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"),
         "message|1|a;message|1|b;message||c;", ""},
        {BYTES("id: 1\ndata: a\n\nid: 2\ndata: cut off\n"), "message|1|a;", "1"},
        {BYTES("id: a\0b\ndata: x\n\n"), "message||x;", ""},
        {BYTES("event: once\ndata: a\n\ndata: b\n\n"), "once||a;message||b;", ""},
        {BYTES("Data: a\nfoo: b\n\n"), "", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t piece = 1; piece <= cases[i].stream.len; piece++) {
            struct event_reader reader;
            event_reader_init(&reader, note, NULL);
            noted[0] = '\0';
            feed(&reader, cases[i].stream, piece);
            cr_expect_str_eq(noted, cases[i].events, "case %zu in pieces of %zu", i, piece);
            cr_expect_str_eq(reader.last_id, cases[i].last_id, "case %zu", i);
            event_reader_deinit(&reader);
        }
}

Test(event_reader, retry_is_digits_in_range)
{
    static const struct {
        const char *text;
        uint32_t retry_ms;
    } cases[] = {{"retry: 250\n", 250},
                 {"retry: 0\n", 0},
                 {"retry: 3600000\n", 3600000},
                 {"retry: 86400000\n", 3600000},
                 {"retry: 1x\n", 1},
                 {"retry:\n", 1},
                 {"retry: -5\n", 1},
                 {"retry: 99999999999999999999999\n", 3600000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_reader reader;
        event_reader_init(&reader, note, NULL);
        reader.retry_ms = 1;
        feed(&reader, text_of(cases[i].text), 3);
        cr_expect_eq(reader.retry_ms, cases[i].retry_ms, "%s", cases[i].text);
        event_reader_deinit(&reader);
    }
}

Test(event_reader, restart_forgets_the_cut_event_and_keeps_the_id)
{
    struct event_reader reader;
    event_reader_init(&reader, note, NULL);
    noted[0] = '\0';
    feed(&reader, TEXT("id: 1\ndata: a\n\nevent: x\nid: 2\ndata: b\ndata: c"), 64);
    event_reader_restart(&reader);
    feed(&reader, TEXT("data: d\n\n"), 64);
    cr_expect_str_eq(noted, "message|1|a;message|1|d;");
    event_reader_deinit(&reader);
}

Test(event_reader, endless_line_is_given_up)
{
    struct event_reader reader;
    event_reader_init(&reader, note, NULL);
    static char block[1 << 20];
    memset(block, 'x', sizeof(block));
    int r = 0;
    for (int i = 0; i < 32 && r == 0; i++)
        r = event_reader_feed(&reader, (struct text){block, sizeof(block)});
    cr_expect_eq(r, -EMSGSIZE);
    event_reader_deinit(&reader);
}

Test(event_reader, an_end_is_told)
{
    struct event_reader reader;
    event_reader_init(&reader, note, NULL);
    feed(&reader, TEXT(": ended\n:end\ndata: : end\n\n"), 64);
    cr_expect_not(reader.ended);
    feed(&reader, TEXT(": end\nretry: 7\n\n"), 3);
    cr_expect(reader.ended);
    event_reader_restart(&reader);
    cr_expect_not(reader.ended);
    event_reader_deinit(&reader);
}

Test(event_writer, events)
{
    static const struct {
        struct pub_settings settings;
        struct text data;
        bool ends;
        uint64_t ack;
        const char *text;
    } cases[] = {
        {{.retry_ms = -1}, BYTES("a"), false, 0, "channel: c\ndata: a\n\n"},
        {{.retry_ms = -1}, BYTES(""), false, 3, "channel: c\ndata: \nack: 3\n\n"},
        {{.retry_ms = 0, .event = "e", .id = "i"},
         BYTES("a"),
         false,
         0,
         "channel: c\nevent: e\nid: i\nretry: 0\ndata: a\n\n"},
        {{.retry_ms = -1},
         BYTES("a\nchannel: other\r\n\rb\n"),
         false,
         0,
         "channel: c\ndata: a\ndata: channel: other\ndata: \ndata: b\ndata: \n\n"},
        {{.retry_ms = -1}, BYTES("a"), true, 0, "channel: c\nend: 1\ndata: a\n\n"},
        {{.retry_ms = -1, .event = "e", .id = "i"}, {0}, true, 7, "channel: c\nend: 1\nack: 7\n\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer out = {0};
        cr_assert_eq(event_write(&out, &cases[i].settings, "c", cases[i].data, cases[i].ends,
                                 cases[i].ack, 1000),
                     0);
        cr_expect_eq(out.len, strlen(cases[i].text), "case %zu", i);
        cr_expect(memcmp(out.at, cases[i].text, out.len) == 0, "case %zu", i);
        cr_expect_eq(event_write(&out, &cases[i].settings, "c", cases[i].data, cases[i].ends, 0,
                                 out.len + 9),
                     -EMSGSIZE);
        cr_expect_eq(out.len, strlen(cases[i].text), "no half an event, case %zu", i);
        buffer_free(&out);
    }
    cr_expect(event_field_fits("a b"));
    cr_expect_not(event_field_fits("a\nb"));
    cr_expect_not(event_field_fits("a\r"));
}

Test(event_writer, lines)
{
    static const char input[] = "one\ntwo\r\n\nno end";
    static const char *const expected[] = {"one", "two", "", "no end"};
    int ends[2];
    size_t count = 0;
    struct line_reader reader = {0};
    struct text line;
    cr_assert_eq(pipe(ends), 0);
    for (size_t i = 0; i < sizeof(input); i++) { /* the last turn closes, and reads the end */
        if (i < sizeof(input) - 1)
            cr_assert_eq(write(ends[1], input + i, 1), 1);
        else
            close(ends[1]);
        cr_assert_eq(line_read(&reader, ends[0]), 0);
        while (line_next(&reader, &line)) {
            cr_assert_lt(count, 4);
            cr_expect(text_equals(line, text_of(expected[count])), "line %zu", count);
            count++;
        }
    }
    cr_expect_eq(count, 4);
    cr_expect(reader.ended);
    close(ends[0]);
    buffer_free(&reader.buffer);
}
