/* SPDX-License-Identifier: MIT */
/* Which characters steer a terminal, and how they are written: see terminal.h. */
#include "lib/terminal.h"

enum { ESCAPE_BYTES = 8 }; /* "\u202e" and its end */

static bool steers(int32_t code)
{
    return code < ' ' || (code >= 0x7f && code <= 0x9f) || code == 0x61c || code == 0x200e ||
           code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* One character of well-formed UTF-8 (RFC 3629), or 0: its length. */
static size_t utf8_length(struct text text, int32_t *ret_code)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t len = at[0] < 0x80   ? 1
                 : at[0] < 0xc2 ? 0
                 : at[0] < 0xe0 ? 2
                 : at[0] < 0xf0 ? 3
                 : at[0] < 0xf5 ? 4
                                : 0;
    if (len == 0 || len > text.len)
        return 0;
    int32_t code = len == 1 ? at[0] : at[0] & (0x7f >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if ((len == 3 && code < 0x800) || (len == 4 && (code < 0x10000 || code > 0x10ffff)) ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return len;
}

size_t terminal_character(struct text text, int32_t *ret_code, bool *ret_steers)
{
    size_t len = utf8_length(text, ret_code);
    if (len == 0)
        *ret_code = -1;
    *ret_steers = *ret_code < 0 || steers(*ret_code);
    return len ? len : 1;
}

static void escape(char out[ESCAPE_BYTES], int32_t code, char byte)
{
    if (code > 0xff)
        snprintf(out, ESCAPE_BYTES, "\\u%04x", (unsigned)code & 0xffff);
    else
        snprintf(out, ESCAPE_BYTES, "\\x%02x", code < 0 ? (unsigned char)byte : (unsigned)code);
}

void terminal_write(FILE *out, struct text text, bool lines)
{
    char escaped[ESCAPE_BYTES];
    size_t from = 0, at = 0;
    while (at < text.len) {
        int32_t code;
        bool escapes;
        size_t len =
            terminal_character((struct text){text.at + at, text.len - at}, &code, &escapes);
        if (escapes && code != '\t' && (code != '\n' || !lines)) {
            escape(escaped, code, text.at[at]);
            fwrite(text.at + from, 1, at - from, out);
            fputs(escaped, out);
            from = at + len;
        }
        at += len;
    }
    if (from < text.len)
        fwrite(text.at + from, 1, text.len - from, out);
}

size_t terminal_copy(char *out, size_t out_size, struct text text)
{
    size_t used = 0;
    for (size_t at = 0; at < text.len;) {
        char escaped[ESCAPE_BYTES];
        int32_t code;
        bool escapes;
        size_t len =
            terminal_character((struct text){text.at + at, text.len - at}, &code, &escapes);
        struct text piece = {text.at + at, len};
        if (escapes) {
            escape(escaped, code, text.at[at]);
            piece = text_of(escaped);
        }
        if (used + piece.len >= out_size)
            break;
        memcpy(out + used, piece.at, piece.len);
        used += piece.len;
        at += len;
    }
    out[used] = '\0';
    return used;
}
