/* SPDX-License-Identifier: MIT */
/*
 * What an application answers when it is asked: which answers are some, which channels and head
 * lines come of them, and that one line that cannot be used makes the whole none.
 */
#include <criterion/criterion.h>

#include "engine/limits.h"
#include "net/hook/hook_answer.h"
#include "tests/unit/guard.h"

enum { CHANNELS_ASKED = 40 };

static int read_answer(int status, const char *head, struct hook_answer **ret_answer)
{
    struct text input = guard_new(text_of(head));
    *ret_answer = NULL;
    int r = hook_answer_read(status, input, CHANNELS_ASKED, ret_answer);
    guard_free(input); /* nothing of it is kept */
    return r;
}

static struct hook_answer *answer_of(int status, const char *head)
{
    struct hook_answer *answer;
    cr_assert_eq(read_answer(status, head, &answer), 0, "%d: %s", status, head);
    return answer;
}

static void expect_none(int fault, int status, const char *head)
{
    struct hook_answer *answer;
    cr_expect_eq(read_answer(status, head, &answer), fault, "%d: %s", status, head);
    cr_expect_null(answer);
}

static void expect_lines(int status, const char *head, const char *lines)
{
    struct hook_answer *answer = answer_of(status, head);
    cr_expect(text_equals(answer->lines, text_of(lines)), "%.*s", (int)answer->lines.len,
              answer->lines.at);
    hook_answer_unref(answer);
}

Test(hook_answer, statuses)
{
    for (int status = 100; status < 600; status++) {
        bool allows = status >= 200 && status < 300;
        bool is_one = allows || status == 401 || status == 403 || status == 404 || status == 429;
        struct hook_answer *answer;
        int r = read_answer(status, "Server: x\r\n", &answer);
        cr_expect_eq(r, is_one ? 0 : HOOK_STATUS, "%d", status);
        if (answer) {
            cr_expect_eq(hook_answer_allows(answer), allows);
            cr_expect_eq(answer->channel_count, 0);
            cr_expect_eq(answer->lines.len, 0);
        }
        hook_answer_unref(answer);
    }
}

Test(hook_answer, channels)
{
    struct hook_answer *answer = answer_of(200, "X-Fanfare-Channel: user/42\r\n"
                                                "Content-Length: 2\n"
                                                "x-fanfare-channel:\tall  \r\n"
                                                "X-FANFARE-CHANNEL: user/42\r\n"
                                                "X-Fanfare-Channel: gr\xc3\xbc\xc3\x9f"
                                                "e\r\n");
    cr_assert_eq(answer->channel_count, 3);
    cr_expect(text_equals(answer->channels[0], TEXT("user/42")));
    cr_expect(text_equals(answer->channels[1], TEXT("all")));
    cr_expect(text_equals(answer->channels[2], TEXT("gr\xc3\xbc\xc3\x9f"
                                                    "e")));
    hook_answer_unref(answer);
    expect_none(HOOK_CHANNEL, 200, "X-Fanfare-Channel:\r\n");
    expect_none(HOOK_CHANNEL, 200, "X-Fanfare-Channel: \xff\r\n");
}

Test(hook_answer, channels_of_a_refusal_mean_nothing)
{
    struct hook_answer *answer = answer_of(403, "X-Fanfare-Channel: a\r\n"
                                                "X-Fanfare-Header: A: b\r\n");
    cr_expect_eq(answer->channel_count, 0);
    cr_expect_eq(answer->lines.len, 0);
    hook_answer_unref(answer);
}

Test(hook_answer, as_many_channels_as_a_subscriber_may_have)
{
    char head[(CHANNELS_ASKED + 1) * 32];
    size_t len = 0, before = 0;
    for (unsigned i = 0; i <= CHANNELS_ASKED; i++) {
        before = len;
        len += (size_t)sprintf(head + len, "X-Fanfare-Channel: c%u\r\n", i);
    }
    expect_none(HOOK_CHANNELS, 200, head);
    head[before] = '\0';
    struct hook_answer *answer = answer_of(200, head);
    cr_expect_eq(answer->channel_count, CHANNELS_ASKED);
    hook_answer_unref(answer);
}

Test(hook_answer, head_lines)
{
    expect_lines(204,
                 "X-Fanfare-Header: Set-Cookie: a=b; Path=/\r\n"
                 "X-Fanfare-Header:X-Who:\r\n"
                 "x-fanfare-header:  Link:   <x>; rel=y \r\n",
                 "Set-Cookie: a=b; Path=/\r\nX-Who: \r\nLink: <x>; rel=y\r\n");
}

Test(hook_answer, head_lines_that_may_not_be)
{
    static const char *const names[] = {"Content-Length",
                                        "content-LENGTH",
                                        "Transfer-Encoding",
                                        "Connection",
                                        "Keep-Alive",
                                        "Content-Type",
                                        "Content-Encoding",
                                        "Upgrade",
                                        "Trailer",
                                        "Date",
                                        "Cache-Control",
                                        "Fanfare-Resume",
                                        "Vary",
                                        "Fanfare-Refused",
                                        "X-Accel-Buffering",
                                        "Access-Control-Allow-Origin"};
    char head[128];
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(head, sizeof(head), "X-Fanfare-Header: %s: 1\r\n", names[i]);
        expect_none(HOOK_LINE, 200, head);
    }
    static const char *const lines[] = {"",         "none",  ": x",     "A B: x",
                                        "A\xc3: x", "A : x", "\"A\": x"};
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        snprintf(head, sizeof(head), "X-Fanfare-Header: %s\r\n", lines[i]);
        expect_none(HOOK_LINE, 200, head);
    }
    expect_lines(200, "X-Fanfare-Header: Dates: 1\r\n", "Dates: 1\r\n");
    expect_lines(200, "X-Fanfare-Header: Access-Control: 1\r\n", "Access-Control: 1\r\n");
}

Test(hook_answer, a_line_that_is_none_makes_all_of_it_none)
{
    expect_none(HOOK_FORM, 200, "no colon\r\n");
    expect_none(HOOK_FORM, 200, ": x\r\n");
    expect_none(HOOK_FORM, 200, "A: 1\r\n folded: 2\r\n");
    expect_none(HOOK_FORM, 200, "A: 1\r2\r\n");
    expect_none(HOOK_FORM, 403, "A: \x01\r\n");
    struct hook_answer *answer = NULL;
    cr_expect_eq(hook_answer_read(200, (struct text){"A: \0\r\n", 6}, CHANNELS_ASKED, &answer),
                 HOOK_FORM);
}

Test(hook_answer, lines_have_a_bound)
{
    char head[HOOK_LINES_BYTES_MAX + 64];
    /* "A: " and a line end are five bytes. */
    size_t fits = HOOK_LINES_BYTES_MAX - 5;
    snprintf(head, sizeof(head), "X-Fanfare-Header: A: %0*d\r\n", (int)fits, 0);
    struct hook_answer *answer = answer_of(200, head);
    cr_expect_eq(answer->lines.len, HOOK_LINES_BYTES_MAX);
    cr_expect_geq(answer->bytes, sizeof(*answer) + HOOK_LINES_BYTES_MAX);
    hook_answer_unref(answer);
    snprintf(head, sizeof(head), "X-Fanfare-Header: A: %0*d\r\n", (int)fits + 1, 0);
    expect_none(HOOK_LINES, 200, head);
}

Test(hook_answer, a_refusal_says_how_to_come_back)
{
    const char *both = "WWW-Authenticate: Basic realm=\"x\"\r\nRetry-After: 7\r\n";
    expect_lines(401, both, "WWW-Authenticate: Basic realm=\"x\"\r\n");
    expect_lines(429, both, "Retry-After: 7\r\n");
    expect_lines(403, both, "");
    expect_lines(200, both, "");
}

Test(hook_answer, is_shared)
{
    struct hook_answer *answer = answer_of(200, "X-Fanfare-Channel: a\r\n");
    cr_expect_eq(hook_answer_ref(answer), answer);
    cr_expect_null(hook_answer_unref(answer));
    cr_expect(text_equals(answer->channels[0], TEXT("a")));
    cr_expect_null(hook_answer_unref(answer));
    cr_expect_null(hook_answer_unref(NULL));
}

/* Without a bound of ours it is the head that is bounded. */
Test(hook_answer, as_many_channels_as_a_head_has_room_for)
{
    static char head[FETCH_HEAD_BYTES_MAX + 64];
    size_t len = 0;
    struct hook_answer *answer = NULL;
    for (unsigned i = 0; len + 32 < FETCH_HEAD_BYTES_MAX; i++)
        len += (size_t)sprintf(head + len, "X-Fanfare-Channel:%u\n", i);
    cr_assert_eq(hook_answer_read(200, (struct text){head, len}, UINT32_MAX, &answer), 0);
    cr_expect_gt(answer->channel_count, 700);
    hook_answer_unref(answer);
}
