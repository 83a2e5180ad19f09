/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the further header lines of a program's own answer. Whatever is let through, the
 * head that they stand in is one head: it ends where it ends, says once how long the body is and
 * whether the connection goes on, and has a line for each of theirs. They are the input.
 */
#include "tests/fuzz/target.h"

#include "engine/limits.h"
#include "net/http/answer.h"
#include "net/http/bytes.h"
#include "net/http/head_line.h"

static unsigned count_lines(struct text text, const char *name)
{
    unsigned count = 0;
    size_t len = name ? strlen(name) : 0;
    while (text.len > 0) {
        struct text line = take_line(&text);
        count += !name || (line.len > len && line.at[len] == ':' &&
                           http_equals_nocase((struct text){line.at, len}, name));
    }
    return count;
}

static bool is_among(struct text lines, const char *name)
{
    return count_lines(lines, name) > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const once[] = {"content-length", "connection", "content-type", "date"};
    static char head[HTTP_HEAD_ROOM + HOST_FIELDS_BYTES_MAX];
    struct text lines = text_of_input(bytes, len);
    if (lines.len > HOST_FIELDS_BYTES_MAX || head_line_check_reply(lines))
        return 0;
    struct http_answer answer = {
        .status = 200, .keep_alive = true, .content_type = "text/plain", .content_length = 7};
    struct http_answer more = answer;
    more.extra = lines;
    unsigned ours = 0;
    size_t head_len = http_format_head(head, sizeof(head), &answer);
    ours = count_lines((struct text){head, head_len}, NULL);
    head_len = http_format_head(head, sizeof(head), &more);
    struct text whole = {head, head_len};
    CHECK(head_len > 0 && count_lines(whole, NULL) == ours + count_lines(lines, NULL));
    CHECK(memmem(head, head_len, "\r\n\r\n", 4) == head + head_len - 4);
    CHECK(!memchr(head, '\0', head_len));
    for (size_t i = 0; i < head_len; i++)
        CHECK(head[i] != '\r' || head[i + 1] == '\n');
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
        CHECK(count_lines(whole, once[i]) == 1);
    CHECK(!is_among(lines, "transfer-encoding") && !is_among(lines, "access-control-allow-origin"));
    return 0;
}
