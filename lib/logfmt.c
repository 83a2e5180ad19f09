/* SPDX-License-Identifier: MIT */
/* Keys and values: see logfmt.h. */
#include "lib/logfmt.h"

#include <inttypes.h>
#include <time.h>

#include "lib/terminal.h"

/* Appends bytes; false, and nothing is appended, where there is no room. */
static bool add(struct logfmt *line, const char *bytes, size_t len)
{
    if (len > line->size - line->len)
        return false;
    memcpy(line->at + line->len, bytes, len);
    line->len += len;
    return true;
}

static bool is_bare(struct text value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.at[i];
        if (byte <= ' ' || byte > '~' || byte == '"' || byte == '\\' || byte == '=')
            return false;
    }
    return value.len > 0;
}

/* One character of a quoted value. */
static bool add_character(struct logfmt *line, struct text character, int32_t code, bool steers)
{
    char escaped[16];
    int len;
    switch (code) {
    case '"':
    case '\\':
        len = snprintf(escaped, sizeof(escaped), "\\%c", (char)code);
        break;
    case '\n':
        return add(line, "\\n", 2);
    case '\r':
        return add(line, "\\r", 2);
    case '\t':
        return add(line, "\\t", 2);
    default:
        if (!steers)
            return add(line, character.at, character.len);
        len = code < 0x80 ? snprintf(escaped, sizeof(escaped), "\\x%02x",
                                     (unsigned)(unsigned char)character.at[0])
                          : snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)code);
    }
    return add(line, escaped, (size_t)len);
}

static bool add_quoted(struct logfmt *line, struct text value)
{
    bool fits = add(line, "\"", 1);
    while (value.len > 0 && fits) {
        int32_t code;
        bool steers;
        size_t len = terminal_character(value, &code, &steers);
        fits = add_character(line, (struct text){value.at, len}, code, steers);
        value.at += len;
        value.len -= len;
    }
    return fits && add(line, "\"", 1);
}

static bool add_key(struct logfmt *line, const char *key)
{
    return (line->len == 0 || add(line, " ", 1)) && add(line, key, strlen(key)) &&
           add(line, "=", 1);
}

bool logfmt_text(struct logfmt *line, const char *key, struct text value)
{
    size_t before = line->len;
    bool fits = add_key(line, key) &&
                (is_bare(value) ? add(line, value.at, value.len) : add_quoted(line, value));
    if (!fits)
        line->len = before;
    return fits;
}

/* What we wrote ourselves needs no quotes. */
static bool add_plain(struct logfmt *line, const char *key, const char *value, int len)
{
    return logfmt_text(line, key, (struct text){value, len < 0 ? 0 : (size_t)len});
}

bool logfmt_number(struct logfmt *line, const char *key, uint64_t value)
{
    char text[24];
    return add_plain(line, key, text, snprintf(text, sizeof(text), "%" PRIu64, value));
}

bool logfmt_seconds(struct logfmt *line, const char *key, int64_t value_ns)
{
    char text[40];
    int64_t ms = value_ns > 0 ? value_ns / 1000000 : 0;
    int len = snprintf(text, sizeof(text), "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
    return add_plain(line, key, text, len);
}

bool logfmt_time(struct logfmt *line, const char *key, int64_t value_ns)
{
    char text[64];
    struct tm utc;
    time_t seconds = (time_t)(value_ns / 1000000000);
    gmtime_r(&seconds, &utc);
    size_t len = strftime(text, sizeof(text), "%FT%T", &utc);
    int more =
        snprintf(text + len, sizeof(text) - len, ".%03dZ", (int)(value_ns % 1000000000 / 1000000));
    return add_plain(line, key, text, (int)len + more);
}

bool logfmt_end(struct logfmt *line)
{
    return add(line, "\n", 1);
}
