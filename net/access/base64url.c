/* SPDX-License-Identifier: MIT */
/* base64url: see base64url.h. */
#include "net/access/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* -1: no letter of the alphabet. */
static int value_of(unsigned char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    return letter == '-' ? 62 : letter == '_' ? 63 : -1;
}

bool base64url_decode(struct text letters, unsigned char *out, size_t *ret_len)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t len = 0;
    for (size_t i = 0; i < letters.len; i++) {
        int value = value_of((unsigned char)letters.at[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[len++] = (unsigned char)(bits >> count);
        }
    }
    /* Six bits left: a letter that is part of no byte. */
    if (count == 6 || (bits & ((1u << count) - 1)) != 0)
        return false;
    *ret_len = len;
    return true;
}

size_t base64url_encode(const unsigned char *bytes, size_t len, char *out)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t letters = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 6;) {
            count -= 6;
            out[letters++] = alphabet[bits >> count & 63];
        }
    }
    if (count > 0)
        out[letters++] = alphabet[bits << (6 - count) & 63];
    return letters;
}
