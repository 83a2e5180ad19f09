/* SPDX-License-Identifier: MIT */
/* What subscribers are sent beside events, byte by byte, in both forms. */
#include <criterion/criterion.h>

#include "engine/form.h"

static void expect_bytes(struct frame *frame, enum frame_kind kind, const char *wanted)
{
    cr_assert_not_null(frame);
    cr_assert_eq(frame->kind, kind);
    cr_assert(text_equals((struct text){frame->bytes, frame->len}, text_of(wanted)), "%.*s",
              (int)frame->len, frame->bytes);
    frame_unref(frame);
}

Test(form, comments_and_ends)
{
    expect_bytes(form_comment(FORM_CHUNKED), FRAME_NOTE, "2\r\n:\n\r\n");
    expect_bytes(form_comment(FORM_PLAIN), FRAME_NOTE, ":\n");
    expect_bytes(form_end(FORM_CHUNKED), FRAME_LAST, "0\r\n\r\n");
    expect_bytes(form_goodbye(FORM_CHUNKED, 2345, false, false), FRAME_LAST,
                 "d\r\nretry: 2345\n\n\r\n0\r\n\r\n");
    expect_bytes(form_goodbye(FORM_CHUNKED, 2345, true, false), FRAME_LAST,
                 "c\r\nretry: 2345\n\r\n0\r\n\r\n");
    expect_bytes(form_goodbye(FORM_PLAIN, UINT32_MAX, false, false), FRAME_LAST,
                 "retry: 4294967295\n\n");
    expect_bytes(form_goodbye(FORM_PLAIN, 5, false, true), FRAME_LAST, ": end\nretry: 5\n\n");
    expect_bytes(form_over(TEXT("A: b\r\n")), FRAME_NOTE,
                 "HTTP/1.1 204 No Content\r\nA: b\r\nConnection: close\r\n\r\n");
    cr_assert_not(form_has_end(FORM_PLAIN));
}

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"                                       \
    "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\nConnection: close\r\n"

Test(form, openings)
{
    struct form_opening opening = {
        .lines = TEXT("Vary: Origin\r\n"), .retry_ms = 2000, .point = TEXT("a")};
    expect_bytes(form_open(FORM_CHUNKED, &opening), FRAME_NOTE,
                 HEAD "Transfer-Encoding: chunked\r\nFanfare-Resume: none\r\nVary: Origin\r\n\r\n"
                      "13\r\nretry: 2000\nid: a\n\n\r\n");
    expect_bytes(form_open(FORM_PLAIN, &opening), FRAME_NOTE,
                 HEAD "Fanfare-Resume: none\r\nVary: Origin\r\n\r\nretry: 2000\nid: a\n\n");
    opening = (struct form_opening){.resumes = true, .retry_ms = 0};
    expect_bytes(form_open(FORM_CHUNKED, &opening), FRAME_NOTE,
                 HEAD "Transfer-Encoding: chunked\r\nFanfare-Resume: complete\r\n\r\n"
                      "a\r\nretry: 0\n\n\r\n");
    opening.charset = true;
    for (unsigned form = 0; form < FORM_COUNT; form++) {
        struct frame *frame = form_open((enum form)form, &opening);
        cr_expect_not_null(memmem(frame->bytes, frame->len,
                                  "\r\nContent-Type: text/event-stream; charset=utf-8\r\n", 50));
        frame_unref(frame);
    }
    opening.charset = false;
    opening.bare = true; /* an empty chunk would end the response */
    expect_bytes(form_open(FORM_CHUNKED, &opening), FRAME_NOTE,
                 HEAD "Transfer-Encoding: chunked\r\nFanfare-Resume: complete\r\n\r\n");
    opening.notice = form_comment(FORM_PLAIN);
    expect_bytes(form_open(FORM_PLAIN, &opening), FRAME_NOTE,
                 HEAD "Fanfare-Resume: gap\r\n\r\n:\n");
    frame_unref(opening.notice);
}

/* The longest of everything has its room. */
Test(form, the_longest_opening)
{
    static char lines[8192], id[EVENT_ID_BYTES_MAX];
    memset(lines, 'x', sizeof(lines));
    memset(id, 'y', sizeof(id));
    struct form_opening opening = {.resumes = true,
                                   .lines = {lines, sizeof(lines)},
                                   .retry_ms = UINT32_MAX,
                                   .point = {id, sizeof(id)}};
    struct frame *notice = form_comment(FORM_CHUNKED);
    opening.notice = notice;
    struct frame *frame = form_open(FORM_CHUNKED, &opening);
    cr_assert_not_null(frame);
    frame_unref(frame);
    frame_unref(notice);
}

Test(form, notices)
{
    struct form_loss losses[] = {{TEXT("a\"b\\"), 5, 3}, {TEXT(""), 6, -1}, {TEXT("\\\\"), 7, 0}};
    struct ids ids;
    ids_init(&ids, 1, NULL);
    struct form_gap gap = {
        .reason = "slow", .ids = &ids, .position = 9, .losses = losses, .count = 1};
    expect_bytes(form_notice(FORM_PLAIN, &gap), FRAME_GAP,
                 "event: fanfare-gap\n"
                 "data: {\"reason\": \"slow\", \"channel\": \"a\\\"b\\\\\", \"from\": null, "
                 "\"to\": \"000000000001-0000000000000005\", \"missed\": 3}\n"
                 "id: 000000000001-0000000000000009\n\n");
    gap.count = 3;
    gap.from = TEXT("\"");
    struct frame *plain = form_notice(FORM_PLAIN, &gap);
    cr_assert_not_null(plain);
    cr_assert_eq(plain->sequence, 9);
    cr_assert(text_equals(
        (struct text){plain->bytes, plain->len},
        TEXT("event: fanfare-gap\n"
             "data: {\"reason\": \"slow\", \"channel\": \"a\\\"b\\\\\", \"from\": \"\\\"\", "
             "\"to\": \"000000000001-0000000000000005\", \"missed\": 3}\n\n"
             "event: fanfare-gap\n"
             "data: {\"reason\": \"slow\", \"channel\": \"\", \"from\": \"\\\"\", "
             "\"to\": \"000000000001-0000000000000006\", \"missed\": null}\n\n"
             "event: fanfare-gap\n"
             "data: {\"reason\": \"slow\", \"channel\": \"\\\\\\\\\", \"from\": \"\\\"\", "
             "\"to\": \"000000000001-0000000000000007\", \"missed\": 0}\n"
             "id: 000000000001-0000000000000009\n\n")));
    /* The other form is the same text as one chunk. */
    char wanted[1024];
    int len = snprintf(wanted, sizeof(wanted), "%x\r\n%.*s\r\n", plain->len, (int)plain->len,
                       plain->bytes);
    struct frame *chunked = form_notice(FORM_CHUNKED, &gap);
    cr_assert_not_null(chunked);
    cr_assert(text_equals((struct text){chunked->bytes, chunked->len},
                          (struct text){wanted, (size_t)len}));
    frame_unref(plain);
    frame_unref(chunked);
}

/* All channels a subscriber may have, their names and the id full of quotes: within the bound. */
Test(form, the_longest_notice)
{
    static char name[CHANNEL_BYTES_MAX], id[EVENT_ID_BYTES_MAX];
    static struct form_loss losses[SUBSCRIBER_CHANNELS_MAX];
    memset(name, '"', sizeof(name));
    memset(id, '\\', sizeof(id));
    for (unsigned i = 0; i < SUBSCRIBER_CHANNELS_MAX; i++)
        losses[i] = (struct form_loss){{name, sizeof(name)}, UINT64_MAX, INT64_MAX};
    struct ids ids;
    ids_init(&ids, UINT64_MAX, NULL);
    struct form_gap gap = {.reason = "restarted",
                           .from = {id, sizeof(id)},
                           .ids = &ids,
                           .position = UINT64_MAX,
                           .losses = losses,
                           .count = SUBSCRIBER_CHANNELS_MAX};
    struct frame *frame = form_notice(FORM_CHUNKED, &gap);
    cr_assert_not_null(frame);
    cr_assert_leq(frame->len, GAP_NOTICE_BYTES_MAX);
    frame_unref(frame);
}

Test(form, refusals)
{
    char answer[FORM_REFUSAL_BYTES_MAX];
    struct form_refusal refusal = {.reason = TEXT("drain"),
                                   .sentence = TEXT("the server is stopping"),
                                   .retry_ms = 1001,
                                   .point = TEXT("a")};
    size_t len = form_refusal(FORM_CHUNKED, &refusal, answer);
    cr_assert(text_equals((struct text){answer, len},
                          TEXT("HTTP/1.1 503 Service Unavailable\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 23\r\nRetry-After: 2\r\nConnection: close\r\n\r\n"
                               "the server is stopping\n")));
    /* Who asks for a stream gets one that ends, and comes back. */
    refusal.puts_off = true;
    refusal.lines = TEXT("Vary: Origin\r\n");
    len = form_refusal(FORM_CHUNKED, &refusal, answer);
    cr_assert(text_equals((struct text){answer, len},
                          TEXT(HEAD "Transfer-Encoding: chunked\r\nFanfare-Refused: drain\r\n"
                                    "Vary: Origin\r\n\r\n"
                                    "13\r\nretry: 1001\nid: a\n\n\r\n0\r\n\r\n")),
              "%.*s", (int)len, answer);
    refusal.bare = true;
    len = form_refusal(FORM_PLAIN, &refusal, answer);
    cr_assert(text_equals((struct text){answer, len},
                          TEXT(HEAD "Fanfare-Refused: drain\r\nVary: Origin\r\n\r\n"
                                    "retry: 1001\n")),
              "%.*s", (int)len, answer);
    /* The longest of everything has its room; longer lines are left out. */
    static char lines[FORM_REFUSAL_LINES_MAX + 1], id[EVENT_ID_BYTES_MAX];
    refusal = (struct form_refusal){.reason = TEXT("channel"),
                                    .lines = {lines, FORM_REFUSAL_LINES_MAX},
                                    .puts_off = true,
                                    .retry_ms = UINT32_MAX,
                                    .point = {id, sizeof(id)}};
    cr_assert_gt(form_refusal(FORM_CHUNKED, &refusal, answer), FORM_REFUSAL_LINES_MAX);
    refusal.lines.len++;
    cr_assert_lt(form_refusal(FORM_CHUNKED, &refusal, answer), 1024);
}
