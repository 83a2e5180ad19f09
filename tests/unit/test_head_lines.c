/* SPDX-License-Identifier: MIT */
/* Head lines of the operator's: what may be one, whose they are, and that they always fit. */
#include <criterion/criterion.h>
#include <errno.h>

#include "engine/limits.h"
#include "net/http/head_line.h"
#include "net/http/head_lines.h"

static char error[512];

static int make(const char *always, const char *of_streams, struct head_lines **ret_lines)
{
    struct head_lines_options options = {.always = &always,
                                         .always_count = always != NULL,
                                         .of_streams = &of_streams,
                                         .of_streams_count = of_streams != NULL,
                                         .has_origins = true};
    return head_lines_new(&options, ret_lines, error, sizeof(error));
}

Test(head_lines, what_may_not_be_one)
{
    static const struct {
        const char *always, *of_streams, *said;
    } rows[] = {
        {"Content-Length: 3", NULL, "header: \"Content-Length: 3\" is one that the server says"},
        {"transfer-encoding: x", NULL, "is one that the server says"},
        {"CONNECTION: close", NULL, "is one that the server says"},
        {"Content-Type: text/html", NULL, "is one that the server says"},
        {"Content-Encoding: gzip", NULL, "is one that the server says"},
        {"Cache-Control: x", NULL, "is one that the server says"},
        {"Fanfare-Resume: none", NULL, "is one that the server says"},
        {"Date: now", NULL, "is one that the server says"},
        {"Vary: *", NULL, "is one that the server says"},
        {"Allow: GET", NULL, "is one that the server says"},
        {"Retry-After: 3", NULL, "is one that the server says"},
        {"WWW-Authenticate: Basic", NULL, "is one that the server says"},
        {"Upgrade: h2c", NULL, "is one that the server says"},
        {"Access-Control-Max-Age: 3", NULL, "is what allow-origin"},
        {"X", NULL, "is not `Name: value`"},
        {": x", NULL, "is not `Name: value`"},
        {"X : x", NULL, "has a byte in its name"},
        {"X\xc3\xa4: x", NULL, "has a byte in its name"},
        {"X: a\r\nY: b", NULL, "header: \"X: a\" has a control character in its value"},
        {"X: a\nY: b", NULL, "has a control character in its value"},
        {"X: a\x7f", NULL, "has a control character in its value"},
        {NULL, "a", "stream-header: \"a\" is not PATTERN NAME: VALUE"},
        {NULL, " X: a", "is empty"},
        {NULL, "X: a", "is not `Name: value`"},
        {NULL, "a\tb X: a", "has a control character in it"},
        {NULL, "* Content-Type: text/plain", "is one that the server says"},
        {NULL, "* Access-Control-Allow-Origin: *", "is what allow-origin"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct head_lines *lines = NULL;
        cr_expect_eq(make(rows[i].always, rows[i].of_streams, &lines), -EINVAL, "%zu", i);
        cr_expect_not_null(strstr(error, rows[i].said), "%zu: %s", i, error);
        head_lines_free(lines);
    }
}

/* What other servers' users bring along: what is said anyway, and origins where we allow none. */
Test(head_lines, from_another_server)
{
    static const char *const always[] = {"X-Accel-Buffering: No", "Access-Control-Allow-Origin: *"};
    static const char *const of_streams[] = {"* x-accel-buffering: no"};
    struct head_lines_options options = {always, 2, of_streams, 1, false};
    struct head_lines *lines;
    char out[HEAD_LINES_BYTES_MAX];
    cr_assert_eq(head_lines_new(&options, &lines, error, sizeof(error)), 0, "%s", error);
    cr_expect(text_equals(head_lines_always(lines), TEXT("Access-Control-Allow-Origin: *\r\n")));
    cr_expect_eq(head_lines_of_stream(lines, &TEXT("a"), 1, out), 0);
    head_lines_free(lines);
    cr_expect_eq(make("X-Accel-Buffering: yes", NULL, &lines), -EINVAL);
    cr_expect_not_null(strstr(error, "is one that the server says"), "%s", error);
}

Test(head_lines, of_all_answers_and_of_streams)
{
    static const char *const always[] = {"X-A:1", "x-b:  two words \t", "Set-Cookie: a=b", "E:"};
    static const char *const of_streams[] = {"a* X-C: 3", "*b X-C: 3", "* X-D: 4", "a*   X-C: 5",
                                             "c/*/d X-E: 6"};
    struct head_lines_options options = {always, 4, of_streams, 5, false};
    struct head_lines *lines;
    char out[HEAD_LINES_BYTES_MAX];
    cr_assert_eq(head_lines_new(&options, &lines, error, sizeof(error)), 0, "%s", error);
    cr_expect(text_equals(head_lines_always(lines), TEXT("X-A: 1\r\nx-b: two words\r\n"
                                                         "Set-Cookie: a=b\r\nE: \r\n")));
    static const struct {
        struct text channels[2];
        unsigned count;
        const char *wanted;
    } rows[] = {
        {{TEXT_INIT("x")}, 1, "X-D: 4\r\n"},
        {{TEXT_INIT("ab")}, 1, "X-C: 3\r\nX-D: 4\r\nX-C: 5\r\n"},
        {{TEXT_INIT("xb"), TEXT_INIT("a")}, 2, "X-C: 3\r\nX-D: 4\r\nX-C: 5\r\n"},
        {{TEXT_INIT("c/x/d"), TEXT_INIT("c/y/d")}, 2, "X-D: 4\r\nX-E: 6\r\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = head_lines_of_stream(lines, rows[i].channels, rows[i].count, out);
        cr_expect(text_equals((struct text){out, len}, text_of(rows[i].wanted)), "%zu: %.*s", i,
                  (int)len, out);
    }
    head_lines_free(lines);
    cr_expect_eq(head_lines_always(NULL).len, 0);
    cr_expect_eq(head_lines_of_stream(NULL, rows[0].channels, 1, out), 0);
}

Test(head_lines, as_many_bytes_as_there_is_room_for)
{
    static char long_one[HEAD_LINES_BYTES_MAX];
    struct head_lines *lines;
    char out[HEAD_LINES_BYTES_MAX];
    struct text channel = TEXT("a");
    memset(long_one, 'v', sizeof(long_one) - 1);
    memcpy(long_one, "* X: ", 5);
    /* "X: " and its line end behind the pattern, and all of the room. */
    cr_assert_eq(make(NULL, long_one, &lines), 0, "%s", error);
    cr_expect_eq(head_lines_of_stream(lines, &channel, 1, out), HEAD_LINES_BYTES_MAX - 1);
    head_lines_free(lines);
    cr_expect_eq(make("Y: z", long_one, &lines), -EINVAL);
    cr_expect_not_null(strstr(error, "2,048 bytes"), "%s", error);
    static const char *many[HEAD_LINES_MAX + 1];
    for (unsigned i = 0; i <= HEAD_LINES_MAX; i++)
        many[i] = "* X: y";
    struct head_lines_options options = {.of_streams = many, .of_streams_count = HEAD_LINES_MAX};
    cr_assert_eq(head_lines_new(&options, &lines, error, sizeof(error)), 0, "%s", error);
    cr_expect_eq(head_lines_of_stream(lines, &channel, 1, out), 6);
    head_lines_free(lines);
    options.of_streams_count++;
    cr_expect_eq(head_lines_new(&options, &lines, error, sizeof(error)), -EINVAL);
    cr_expect_not_null(strstr(error, "one more than the 64"), "%s", error);
}

Test(head_lines, those_of_a_reply)
{
    static const struct {
        const char *lines;
        bool good;
    } rows[] = {
        {"", true},
        {"A: b\r\n", true},
        {"A:\r\nSet-Cookie: a=b; HttpOnly\r\nCache-Control: no-cache\r\nVary: Cookie\r\n", true},
        {"Content-Encoding: gzip\r\n", true},
        {"A: b", false},
        {"A: b\n", false},
        {"A: b\r", false},
        {"\r\n", false},
        {"A: b\r\n\r\n", false},
        {"A: b\rC: d\r\n", false},
        {"A\r\n", false},
        {": b\r\n", false},
        {"A : b\r\n", false},
        {" A: b\r\n", false},
        {"A: b\x01\r\n", false},
        {"content-length: 3\r\n", false},
        {"A: b\r\nTransfer-Encoding: chunked\r\n", false},
        {"Connection: close\r\n", false},
        {"Content-Type: text/html\r\n", false},
        {"Access-Control-Allow-Origin: *\r\n", false},
        {"Date: now\r\n", false},
        {"Fanfare-Resume: none\r\n", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(head_line_check_reply(text_of(rows[i].lines)) == NULL, rows[i].good, "%zu: %s",
                     i, rows[i].lines);
}
