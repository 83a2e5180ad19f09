/* SPDX-License-Identifier: MIT */
/* The benchmarks' reader: whatever it does not see, no benchmark sees. Each stream is given in one
 * piece, byte by byte, and cut at every place. */
#include <criterion/criterion.h>

#include "bench/load/marker.h"
#include "bench/load/reader.h"

#define EVENTS_MAX 16

static struct {
    uint32_t sequences[EVENTS_MAX], times[EVENTS_MAX];
    unsigned count;
} seen;

static void on_event(void *context, uint32_t sequence, uint32_t intended_us)
{
    cr_assert_null(context);
    cr_assert_lt(seen.count, EVENTS_MAX);
    seen.sequences[seen.count] = sequence;
    seen.times[seen.count++] = intended_us;
}

static struct reader read_cut(const char *stream, size_t cut)
{
    struct reader reader = {0};
    size_t len = strlen(stream);
    seen.count = 0;
    reader_init(&reader);
    reader_take(&reader, stream, cut, on_event, NULL);
    reader_take(&reader, stream + cut, len - cut, on_event, NULL);
    return reader;
}

static void expect_events(const char *stream, enum reader_state state, unsigned count,
                          const uint32_t *sequences)
{
    for (size_t cut = 0; cut <= strlen(stream); cut++) {
        struct reader reader = read_cut(stream, cut);
        cr_assert_eq(reader.state, state, "cut at %zu: state %d", cut, reader.state);
        cr_assert_eq(seen.count, count, "cut at %zu: %u events", cut, seen.count);
        for (unsigned i = 0; i < count; i++)
            cr_assert_eq(seen.sequences[i], sequences[i]);
    }
}

#define HEAD    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

Test(reader, chunks_hold_any_piece_of_an_event)
{
    const char *stream = CHUNKED "18\r\ndata: 0000000100000abcxx\r\n"
                                 "2\r\n\n\n\r\n"
                                 "32\r\ndata:0000000200000000\n\ndata: 0000000300000000y\n\n:\r\n"
                                 "0\r\n\r\n";
    expect_events(stream, READER_ENDED, 3, (const uint32_t[]){1, 2, 3});
    read_cut(stream, 0);
    cr_expect_eq(seen.times[0], 0xabc);
}

Test(reader, a_body_without_chunks_and_with_crlf)
{
    expect_events(HEAD "\r\nid: 7\r\ndata: 000000ff00000001\r\n\r\n: hello\r\n\r\n", READER_BODY, 1,
                  (const uint32_t[]){0xff});
}

Test(reader, keeps_the_latest_id)
{
    struct reader reader =
        read_cut(HEAD "\r\nid: one\n\ndata: 0000000100000000\nid: two:2\n\n", 70);
    cr_expect_eq(reader.id_len, 5);
    cr_expect_eq(memcmp(reader.id, "two:2", 5), 0);
    reader_init(&reader); /* as before a new connection */
    cr_expect_eq(reader.id_len, 5);
}

Test(reader, a_gap_notice_is_told_as_sequence_0)
{
    expect_events(HEAD "\r\nevent: fanfare-gap\ndata: {\"missed\": 3}\nid: x\n\n", READER_BODY, 1,
                  (const uint32_t[]){0});
}

Test(reader, only_the_first_data_line_is_the_marker)
{
    expect_events(HEAD "\r\ndata: 0000000100000000\ndata: 0000000900000000\n\ndata: words\n\n",
                  READER_BODY, 1, (const uint32_t[]){1});
}

Test(reader, refusals_and_broken_chunks_are_faults)
{
    expect_events("HTTP/1.1 503 Service Unavailable\r\n\r\n", READER_FAILED, 0, NULL);
    expect_events("nonsense\r\n", READER_FAILED, 0, NULL);
    expect_events(CHUNKED "zz\r\n", READER_FAILED, 0, NULL);
    expect_events(CHUNKED "1\r\nab", READER_FAILED, 0, NULL);
}

Test(reader, markers_go_there_and_back)
{
    char text[MARKER_BYTES];
    uint32_t sequence, intended_us;
    marker_write(text, 0x89abcdef, 0x1122334455667788);
    cr_assert(marker_read(text, &sequence, &intended_us));
    cr_expect_eq(sequence, 0x89abcdef);
    cr_expect_eq(intended_us, 0x55667788);
    text[3] = 'g';
    cr_expect_not(marker_read(text, &sequence, &intended_us));
}
