/* SPDX-License-Identifier: MIT */
/* Lines of logfmt, read back by a reader of the test's own: no value can end its line, be another
 * key, or steer a terminal. */
#include <criterion/criterion.h>

#include "lib/logfmt.h"

static char room[4096];

static struct logfmt begin(size_t size)
{
    return (struct logfmt){.at = room, .size = size};
}

static void expect_line(const struct logfmt *line, const char *wanted)
{
    cr_expect(text_equals((struct text){line->at, line->len}, text_of(wanted)), "%.*s",
              (int)line->len, line->at);
}

Test(logfmt, values_are_bare_where_they_can_be)
{
    struct logfmt line = begin(sizeof(room));
    cr_expect(logfmt_time(&line, "time", INT64_C(1795804205123456789)));
    cr_expect(logfmt_text(&line, "what", TEXT("join")));
    cr_expect(logfmt_text(&line, "empty", TEXT("")));
    cr_expect(logfmt_text(&line, "path", TEXT("/a%20b&c")));
    cr_expect(logfmt_text(&line, "word", TEXT("two words")));
    cr_expect(logfmt_text(&line, "pair", TEXT("a=b")));
    cr_expect(logfmt_text(&line, "quote", TEXT("\"\\\"")));
    cr_expect(logfmt_text(&line, "forged", TEXT("a\nwhat=leave\r\t")));
    cr_expect(logfmt_text(&line, "utf8", TEXT("\xc3\xa4\xff\x1b[2J\xe2\x80\xae")));
    cr_expect(logfmt_number(&line, "status", 200));
    cr_expect(logfmt_seconds(&line, "duration_s", INT64_C(12345678901)));
    cr_expect(logfmt_end(&line));
    expect_line(&line, "time=2026-11-27T18:30:05.123Z what=join empty=\"\" path=/a%20b&c "
                       "word=\"two words\" pair=\"a=b\" quote=\"\\\"\\\\\\\"\" "
                       "forged=\"a\\nwhat=leave\\r\\t\" utf8=\"\xc3\xa4\\xff\\x1b[2J\\u202e\" "
                       "status=200 duration_s=12.345\n");
}

/* The value of the line's only key, unescaped; its length, or -1 if the line is none. */
static int read_back(const char *at, size_t len, char *out)
{
    const char *end = at + len;
    int length = 0;
    if (len < 3 || memcmp(at, "k=", 2) != 0 || end[-1] != '\n')
        return -1;
    at += 2;
    end--;
    bool quoted = at < end && *at == '"';
    if (quoted && (--end <= at || *end != '"'))
        return -1;
    at += quoted;
    while (at < end) {
        unsigned char byte = (unsigned char)*at++;
        if (byte < ' ' || byte == 0x7f || byte == '"' || (!quoted && strchr(" =\\", byte)))
            return -1;
        if (byte == '\\') {
            unsigned code;
            char kind = *at++;
            if (kind == 'x' && sscanf(at, "%2x", &code) == 1)
                at += 2, byte = (unsigned char)code;
            else if (kind == 'u' && sscanf(at, "%4x", &code) == 1) {
                at += 4;
                if (code >= 0x800)
                    out[length++] = (char)(0xe0 | code >> 12);
                out[length++] =
                    (char)(code >= 0x800 ? 0x80 | (code >> 6 & 0x3f) : 0xc0 | code >> 6);
                byte = (unsigned char)(0x80 | (code & 0x3f));
            } else {
                const char *found = strchr("n\nr\rt\t\"\"\\\\", kind);
                if (!found)
                    return -1;
                byte = (unsigned char)found[strchr("nrt", kind) ? 1 : 0];
            }
        }
        out[length++] = (char)byte;
    }
    return length;
}

Test(logfmt, any_bytes_come_back_as_they_were)
{
    static const char often[] = "\"\\\n\r\t =xu\xc2\x85\xe2\x80\xaeka";
    unsigned state = 1;
    for (unsigned i = 0; i < 200000; i++) {
        char value[40], back[200];
        state = state * 1103515245 + 12345;
        size_t len = (state >> 16) % sizeof(value);
        for (size_t j = 0; j < len; j++) {
            state = state * 1103515245 + 12345;
            unsigned pick = state >> 16;
            value[j] = pick & 1 ? often[(pick >> 1) % (sizeof(often) - 1)] : (char)(pick >> 1);
        }
        struct logfmt line = begin(sizeof(room));
        cr_assert(logfmt_text(&line, "k", (struct text){value, len}) && logfmt_end(&line));
        int seen = read_back(line.at, line.len, back);
        cr_assert(seen == (int)len && memcmp(back, value, len) == 0, "%.*s", (int)line.len,
                  line.at);
    }
}

/* A line is never cut: a value is there whole or not at all. */
Test(logfmt, what_does_not_fit_is_left_out)
{
    for (size_t size = 0; size < 40; size++) {
        struct logfmt line = begin(size);
        bool first = logfmt_text(&line, "a", TEXT("b c"));
        bool second = logfmt_text(&line, "key", TEXT("\n\n\n\n"));
        bool end = logfmt_end(&line);
        cr_expect(line.len <= size);
        cr_expect_eq(first, size >= 7);
        cr_expect_eq(second, size >= (first ? 22 : 14));
        cr_expect_eq(end, line.len > 0 && line.at[line.len - 1] == '\n');
    }
}
