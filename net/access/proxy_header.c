/* SPDX-License-Identifier: MIT */
/* PROXY headers, taken apart: see proxy_header.h. */
#include "net/access/proxy_header.h"

#include "engine/limits.h"

static_assert(PROXY_HEADER_BYTES_MAX >= 16 + 216, "the largest addresses fit");

/* --- version 1: a line of text -------------------------------------------------------------- */

/* The next word of the line; words are parted by one space each. */
static struct text next_word(struct text *line)
{
    const char *space = line->len ? memchr(line->at, ' ', line->len) : NULL;
    struct text word = {line->at, space ? (size_t)(space - line->at) : line->len};
    size_t used = word.len + (space ? 1 : 0);
    *line = (struct text){line->at + used, line->len - used};
    return word;
}

static bool is_port(struct text word)
{
    unsigned number = 0;
    if (word.len < 1 || word.len > 5 || (word.len > 1 && word.at[0] == '0'))
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
        number = number * 10 + (unsigned)(word.at[i] - '0');
    }
    return number <= 65535;
}

/* TCP4 and TCP6 say how the addresses are written: an IPv4 one may be wrapped in TCP6. */
static bool is_of_family(struct text word, bool six, struct address *ret_address)
{
    bool colon = word.len && memchr(word.at, ':', word.len);
    return colon == six && address_read(word, ret_address);
}

/* `line`: behind "PROXY ", without its CRLF. */
static enum proxy_result read_line(struct text line, struct proxy_header *header)
{
    struct address target;
    struct text family = next_word(&line);
    bool six = text_equals(family, TEXT("TCP6"));
    if (text_equals(family, TEXT("UNKNOWN")))
        return PROXY_DONE; /* whatever else the line says */
    if (!six && !text_equals(family, TEXT("TCP4")))
        return PROXY_REFUSED;
    if (!is_of_family(next_word(&line), six, &header->source) ||
        !is_of_family(next_word(&line), six, &target) || !is_port(next_word(&line)) ||
        !is_port(line))
        return PROXY_REFUSED;
    return PROXY_DONE;
}

static enum proxy_result read_v1(struct text input, struct proxy_header *header)
{
    size_t begin = strlen("PROXY ");
    size_t most = input.len < PROXY_V1_BYTES_MAX ? input.len : PROXY_V1_BYTES_MAX;
    const char *end = memchr(input.at, '\r', most);
    if (!end)
        return most < PROXY_V1_BYTES_MAX ? PROXY_MORE : PROXY_REFUSED;
    size_t len = (size_t)(end - input.at);
    if (len + 1 == input.len)
        return len + 1 < PROXY_V1_BYTES_MAX ? PROXY_MORE : PROXY_REFUSED;
    if (end[1] != '\n' || len < begin || len + 2 > PROXY_V1_BYTES_MAX)
        return PROXY_REFUSED;
    header->bytes = len + 2;
    return read_line((struct text){input.at + begin, len - begin}, header);
}

/* --- version 2: bytes ------------------------------------------------------------------------ */

enum { V2_FIXED = 16, V2_LOCAL = 0x20, V2_PROXY = 0x21 };

static enum proxy_result read_v2(struct text input, struct proxy_header *header)
{
    const unsigned char *at = (const unsigned char *)input.at;
    if (input.len < V2_FIXED)
        return PROXY_MORE;
    size_t len = (size_t)at[14] << 8 | at[15];
    unsigned family = at[13] >> 4, protocol = at[13] & 15;
    if ((at[12] != V2_LOCAL && at[12] != V2_PROXY) || family > 3 || protocol > 2 ||
        V2_FIXED + len > PROXY_HEADER_BYTES_MAX)
        return PROXY_REFUSED;
    /* Source, destination, and a port of each, where this is about a client of TCP. */
    static const struct {
        enum address_family family;
        size_t bytes;
    } known[] = {[1] = {ADDRESS_V4, 12}, [2] = {ADDRESS_V6, 36}, [3] = {ADDRESS_UNIX, 216}};
    bool counts = at[12] == V2_PROXY && family > 0 && protocol == 1;
    if (counts && len < known[family].bytes)
        return PROXY_REFUSED;
    if (input.len < V2_FIXED + len)
        return PROXY_MORE;
    header->bytes = V2_FIXED + len;
    if (counts && known[family].family != ADDRESS_UNIX)
        header->source = address_of_bytes(known[family].family, at + V2_FIXED);
    else if (counts)
        header->source.family = ADDRESS_UNIX;
    return PROXY_DONE;
}

enum proxy_result proxy_header_read(struct text input, struct proxy_header *ret_header)
{
    static const char v1[] = "PROXY ";
    static const char v2[] = "\r\n\r\n\0\r\nQUIT\n";
    bool first = input.len > 0 && input.at[0] == v1[0];
    size_t len = first ? sizeof(v1) - 1 : sizeof(v2) - 1;
    if (input.len < len)
        len = input.len;
    if (len && memcmp(input.at, first ? v1 : v2, len) != 0)
        return PROXY_REFUSED;
    if (len < sizeof(v1) - 1)
        return PROXY_MORE;
    struct proxy_header header = {.bytes = 0};
    enum proxy_result result = first ? read_v1(input, &header) : read_v2(input, &header);
    if (result == PROXY_DONE)
        *ret_header = header;
    return result;
}
