/* SPDX-License-Identifier: MIT */
/* Words of HTTP/1: see bytes.h. */
#include "net/http/bytes.h"

#include <string.h>
#include <strings.h>

bool http_equals_nocase(struct text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

void http_word(struct text word, char out[HTTP_WORD_ROOM])
{
    size_t len = word.len < HTTP_WORD_ROOM - 4 ? word.len : HTTP_WORD_ROOM - 4;
    for (size_t i = 0; i < len; i++) {
        char byte = word.at[i];
        out[i] = byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\' ? byte : '?';
    }
    memcpy(out + len, len < word.len ? "..." : "", len < word.len ? 4 : 1);
}

bool http_is_host(struct text host)
{
    size_t i = 0;
    if (host.len > 0 && host.at[0] == '[') {
        for (i = 1; i < host.len && host.at[i] != ']'; i++) {
            if (http_hex_digit((unsigned char)host.at[i]) < 0 && host.at[i] != ':' &&
                host.at[i] != '.')
                return false;
        }
        if (i < 3 || i++ == host.len)
            return false;
    } else {
        while (i < host.len && host.at[i] != ':') {
            unsigned char byte = (unsigned char)host.at[i++];
            if (byte == '#' || byte == '^' || byte == '`' || byte == '|' ||
                (!http_is_token(byte) && !(byte && strchr("();=,", byte))))
                return false;
        }
    }
    if (i < host.len && host.at[i++] != ':')
        return false;
    for (; i < host.len; i++) {
        if (host.at[i] < '0' || host.at[i] > '9')
            return false;
    }
    return true;
}
