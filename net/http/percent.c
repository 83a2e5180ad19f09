/* SPDX-License-Identifier: MIT */
/*
 * Percent-decoding: one pass, and the output never overtakes the input, so that it may be done in
 * place. Both cases of hex digits count, as RFC 3986 asks.
 */
#include "net/http/percent.h"

#include <errno.h>

#include "net/http/bytes.h"

/* The byte of the escape that begins at text.at[i], or -1 if none does. */
static int escaped_byte(struct text text, size_t i)
{
    if (text.at[i] != '%' || text.len - i < 3)
        return -1;
    int high = http_hex_digit((unsigned char)text.at[i + 1]);
    int low = http_hex_digit((unsigned char)text.at[i + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int percent_decode(struct text text, bool plus_is_space, char *out, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.at[i];
        if (byte == '+' && plus_is_space) {
            byte = ' ';
        } else if (byte == '%') {
            int escaped = escaped_byte(text, i);
            if (escaped < 0)
                return -EINVAL;
            byte = (char)escaped;
            i += 2;
        }
        out[len++] = byte;
    }
    *ret_len = len;
    return 0;
}

size_t percent_decode_form(struct text text, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int escaped = escaped_byte(text, i);
        out[len++] = escaped >= 0 ? (char)escaped : text.at[i] == '+' ? ' ' : text.at[i];
        i += escaped >= 0 ? 2 : 0;
    }
    return len;
}
