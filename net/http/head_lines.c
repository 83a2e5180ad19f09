/* SPDX-License-Identifier: MIT */
/*
 * The operator's head lines: see head_lines.h.
 *
 * All of them lie behind each other in one piece of text as they are sent: first those of all
 * answers, then those of streams, each of which has its pattern.
 */
#include "net/http/head_lines.h"

#include <errno.h>

#include "engine/base/builder.h"
#include "engine/base/pattern.h"
#include "engine/limits.h"
#include "net/http/bytes.h"
#include "net/http/head_line.h"

struct stream_line {
    struct patterns *pattern; /* a list of one */
    struct text line;         /* with its CRLF */
};

struct head_lines {
    bool has_origins;
    size_t always_len;
    unsigned count;
    struct stream_line items[HEAD_LINES_MAX];
    struct builder builder; /* of: */
    char bytes[HEAD_LINES_BYTES_MAX];
};

/* --- making them --------------------------------------------------------------------------- */

static int refuse(const char *option, const char *text, const char *fault, char *error,
                  size_t error_size)
{
    int len = 0;
    while (len < 200 && (unsigned char)text[len] >= ' ' && text[len] != 0x7f)
        len++;
    snprintf(error, error_size, "%s: \"%.*s\" %s", option, len, text, fault);
    return -EINVAL;
}

/* Beside what may stand in no answer at all, and what an application may give for one. */
static const char *name_fault(struct text name)
{
    static const char cors[] = "access-control-";
    static const char *const said[] = {"allow", "retry-after", "www-authenticate"};
    struct text beginning = {name.at, sizeof(cors) - 1};
    if (name.len >= beginning.len && http_equals_nocase(beginning, cors))
        return "is what allow-origin, allow-headers and allow-credentials are for";
    for (unsigned i = 0; i < sizeof(said) / sizeof(said[0]); i++)
        if (http_equals_nocase(name, said[i]))
            return "is one that the server says itself, or that would break the answer";
    return NULL;
}

static bool is_said_anyway(struct text name, struct text value)
{
    return http_equals_nocase(name, "x-accel-buffering") && http_equals_nocase(value, "no");
}

/* Appends a line. NULL, or what is wrong. */
static const char *add_line(struct head_lines *lines, struct text line, struct text *ret_line)
{
    struct text name, value;
    const char *fault = head_line_read(line, &name, &value);
    if (!fault && is_said_anyway(name, value)) {
        *ret_line = TEXT("");
        return NULL;
    }
    bool is_own =
        !fault && !lines->has_origins && http_equals_nocase(name, "access-control-allow-origin");
    if (!fault && !is_own)
        fault = name_fault(name);
    if (!fault && !is_own)
        fault = head_line_check(line, &name, &value);
    if (fault)
        return fault;
    char *begin = lines->builder.at;
    size_t room = sizeof(lines->bytes) - builder_text(&lines->builder).len;
    if (name.len + value.len + 4 > room)
        return "makes more of them than 2,048 bytes, header and stream-header together";
    builder_put(&lines->builder, name);
    builder_put(&lines->builder, TEXT(": "));
    builder_put(&lines->builder, value);
    builder_put(&lines->builder, TEXT("\r\n"));
    *ret_line = (struct text){begin, (size_t)(lines->builder.at - begin)};
    return NULL;
}

static int add_always(struct head_lines *lines, const char *text, char *error, size_t error_size)
{
    struct text line;
    const char *fault = add_line(lines, text_of(text), &line);
    return fault ? refuse("header", text, fault, error, error_size) : 0;
}

static int add_of_streams(struct head_lines *lines, const char *text, char *error,
                          size_t error_size)
{
    const char *space = strchr(text, ' ');
    struct text name = {text, space ? (size_t)(space - text) : 0};
    const char *fault = space ? pattern_fault(name) : "is not PATTERN NAME: VALUE";
    struct stream_line *item = &lines->items[lines->count];
    if (!fault && lines->count == HEAD_LINES_MAX)
        fault = "is one more than the 64 there may be";
    if (!fault)
        fault = add_line(lines, text_of(space + 1 + strspn(space + 1, " ")), &item->line);
    if (fault)
        return refuse("stream-header", text, fault, error, error_size);
    int r = patterns_new(&name, 1, &item->pattern);
    lines->count += r == 0;
    return r;
}

int head_lines_new(const struct head_lines_options *options, struct head_lines **ret_lines,
                   char *error, size_t error_size)
{
    struct head_lines *lines = malloc(sizeof(*lines));
    if (!lines)
        return -ENOMEM;
    lines->count = 0;
    lines->has_origins = options->has_origins;
    lines->builder = builder_of(lines->bytes, sizeof(lines->bytes));
    int r = 0;
    for (unsigned i = 0; i < options->always_count && !r; i++)
        r = add_always(lines, options->always[i], error, error_size);
    lines->always_len = builder_text(&lines->builder).len;
    for (unsigned i = 0; i < options->of_streams_count && !r; i++)
        r = add_of_streams(lines, options->of_streams[i], error, error_size);
    if (r)
        head_lines_free(lines);
    else
        *ret_lines = lines;
    return r;
}

struct head_lines *head_lines_free(struct head_lines *lines)
{
    for (unsigned i = 0; lines && i < lines->count; i++)
        patterns_free(lines->items[i].pattern);
    free(lines);
    return NULL;
}

/* --- asking them --------------------------------------------------------------------------- */

struct text head_lines_always(const struct head_lines *lines)
{
    return lines ? (struct text){lines->bytes, lines->always_len} : TEXT("");
}

static bool matches(const struct stream_line *item, const struct text *channels, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (patterns_match(item->pattern, channels[i]))
            return true;
    return false;
}

size_t head_lines_of_stream(const struct head_lines *lines, const struct text *channels,
                            unsigned count, char *out)
{
    bool taken[HEAD_LINES_MAX];
    size_t len = 0;
    for (unsigned i = 0; lines && i < lines->count; i++) {
        struct text line = lines->items[i].line;
        taken[i] = matches(&lines->items[i], channels, count);
        bool again = false;
        for (unsigned j = 0; j < i && taken[i] && !again; j++)
            again = taken[j] && text_equals(lines->items[j].line, line);
        if (!taken[i] || again)
            continue;
        memcpy(out + len, line.at, line.len);
        len += line.len;
    }
    return len;
}
