/* SPDX-License-Identifier: MIT */
/*
 * Which bytes and words HTTP/1 allows where, for all who read what a client sent. The parser of
 * http.c asks it of nearly every byte of a head.
 *
 * Pure: no state, no allocation. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"

/* RFC 9110 section 5.6.2: what methods and field names are made of, letters, digits and
 * !#$%&'*+-.^_`|~, as a set of bits. */
static inline bool http_is_token(unsigned char byte)
{
    static const uint64_t tokens[4] = {0x03ff6cfa00000000, 0x57ffffffc7fffffe};
    return tokens[byte / 64] >> byte % 64 & 1;
}

/* RFC 9110 section 5.5: visible, space, tab, and bytes above ASCII. */
static inline bool http_is_value(unsigned char byte)
{
    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

/* 0 to 15, or -1. */
static inline int http_hex_digit(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    unsigned char lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* A comparison that ignores the letter case of ASCII, as field names and media types ask. */
bool http_equals_nocase(struct text text, const char *word);

/* A word that a client sent, fit for a sentence: at most 40 bytes of it, and `?` for what is not
 * printable ASCII, a quote or a backslash. Ends in NUL. */
#define HTTP_WORD_ROOM 44
void http_word(struct text word, char out[HTTP_WORD_ROOM]);

/* A host and perhaps a port, RFC 3986 section 3.2.2 as far as it matters: no other host can be read
 * out of what passes. May be empty. */
bool http_is_host(struct text host);
