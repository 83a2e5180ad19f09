/* SPDX-License-Identifier: MIT */
/*
 * Percent-decoding: one pass, and the output never overtakes the input, so that it may be done in
 * place. Both cases of hex digits count, as RFC 3986 asks.
 */
#include "net/http/percent.h"

#include <errno.h>

#include "net/http/bytes.h"

int percent_decode(struct text text, bool plus_is_space, char *out, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.at[i];
        if (byte == '+' && plus_is_space) {
            byte = ' ';
        } else if (byte == '%') {
            if (text.len - i < 3)
                return -EINVAL;
            int high = http_hex_digit((unsigned char)text.at[i + 1]);
            int low = http_hex_digit((unsigned char)text.at[i + 2]);
            if (high < 0 || low < 0)
                return -EINVAL;
            byte = (char)(high * 16 + low);
            i += 2;
        }
        out[len++] = byte;
    }
    *ret_len = len;
    return 0;
}
