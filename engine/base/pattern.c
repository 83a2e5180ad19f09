/* SPDX-License-Identifier: MIT */
/*
 * Patterns: see pattern.h.
 *
 * A list is one piece of memory: the records, then for each pattern its bytes and, byte for byte,
 * their failures. The failure of a byte is how many bytes at the beginning of its own piece are
 * also the end of the piece up to this byte, itself left out; a piece is what lies between two *.
 */
#include "engine/base/pattern.h"

#include <errno.h>

#include "engine/limits.h"

/* A failure is shorter than its pattern. */
static_assert(CHANNEL_BYTES_MAX <= UINT8_MAX + 1, "failures are bytes");

struct pattern {
    const char *bytes;
    const uint8_t *failures;
    uint16_t len;
    uint16_t before; /* bytes in front of the first *; all of them, if there is none */
    uint16_t behind; /* bytes behind the last * */
    bool is_name;    /* no * in it */
};

struct patterns {
    size_t count, size;
    struct pattern items[];
};

const char *pattern_fault(struct text pattern)
{
    if (pattern.len == 0)
        return "is empty";
    if (pattern.len > CHANNEL_BYTES_MAX)
        return "is longer than 256 bytes, as no channel's name is";
    for (size_t i = 0; i < pattern.len; i++)
        if ((unsigned char)pattern.at[i] < ' ' || pattern.at[i] == 0x7f)
            return "has a control character in it, as no channel's name has";
    return NULL;
}

/* --- compiling ----------------------------------------------------------------------------- */

/* The failures of one piece. */
static void piece_compile(const char *piece, size_t len, uint8_t *failures)
{
    size_t matched = 0;
    if (len > 0)
        failures[0] = 0;
    for (size_t i = 1; i < len; i++) {
        while (matched > 0 && piece[i] != piece[matched])
            matched = failures[matched - 1];
        matched += piece[i] == piece[matched];
        failures[i] = (uint8_t)matched;
    }
}

static struct pattern pattern_compile(const char *bytes, size_t len, uint8_t *failures)
{
    const char *first = memchr(bytes, '*', len);
    struct pattern pattern = {.bytes = bytes,
                              .failures = failures,
                              .len = (uint16_t)len,
                              .before = (uint16_t)(first ? (size_t)(first - bytes) : len),
                              .is_name = !first};
    if (!first)
        return pattern;
    const char *last = memrchr(bytes, '*', len);
    pattern.behind = (uint16_t)(bytes + len - last - 1);
    for (const char *at = first; at < last;) {
        const char *piece = at + 1;
        at = memchr(piece, '*', (size_t)(bytes + len - piece));
        piece_compile(piece, (size_t)(at - piece), failures + (piece - bytes));
    }
    return pattern;
}

int patterns_new(const struct text *texts, size_t count, struct patterns **ret_patterns)
{
    size_t size = sizeof(struct patterns) + count * sizeof(struct pattern);
    if (count > PATTERNS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (pattern_fault(texts[i]))
            return -EINVAL;
        size += 2 * texts[i].len;
    }
    struct patterns *patterns = malloc(size);
    if (!patterns)
        return -ENOMEM;
    patterns->count = count;
    patterns->size = size;
    char *room = (char *)&patterns->items[count];
    for (size_t i = 0; i < count; i++) {
        size_t len = texts[i].len;
        memcpy(room, texts[i].at, len);
        patterns->items[i] = pattern_compile(room, len, (uint8_t *)room + len);
        room += 2 * len;
    }
    *ret_patterns = patterns;
    return 0;
}

struct patterns *patterns_free(struct patterns *patterns)
{
    free(patterns);
    return NULL;
}

/* --- matching ------------------------------------------------------------------------------ */

/* Where the piece ends where it first stands in the text, or NULL. The leftmost place is always
 * good enough: it leaves the most for the pieces behind. */
static const char *piece_find(const char *piece, size_t len, const uint8_t *failures,
                              const char *text, const char *text_end)
{
    size_t matched = 0;
    while (matched < len) {
        if (text == text_end)
            return NULL;
        while (matched > 0 && *text != piece[matched])
            matched = failures[matched - 1];
        matched += *text == piece[matched];
        text++;
    }
    return text;
}

static bool pattern_match(const struct pattern *pattern, struct text name)
{
    size_t before = pattern->before, behind = pattern->behind;
    if (pattern->is_name)
        return name.len == before && memcmp(name.at, pattern->bytes, before) == 0;
    if (name.len < before + behind || memcmp(name.at, pattern->bytes, before) != 0 ||
        memcmp(name.at + name.len - behind, pattern->bytes + pattern->len - behind, behind) != 0)
        return false;
    const char *text = name.at + before, *text_end = name.at + name.len - behind;
    const char *end = pattern->bytes + pattern->len - behind; /* behind the last * */
    for (const char *piece = pattern->bytes + before + 1; text && piece < end;) {
        size_t len = (size_t)((const char *)memchr(piece, '*', (size_t)(end - piece)) - piece);
        text = piece_find(piece, len, pattern->failures + (piece - pattern->bytes), text, text_end);
        piece += len + 1;
    }
    return text != NULL;
}

size_t patterns_find(const struct patterns *patterns, struct text name)
{
    size_t count = patterns_count(patterns), i = 0;
    /* No channel has such a name. */
    if (name.len == 0 || name.len > CHANNEL_BYTES_MAX)
        return count;
    while (i < count && !pattern_match(&patterns->items[i], name))
        i++;
    return i;
}

bool patterns_match(const struct patterns *patterns, struct text name)
{
    return patterns_find(patterns, name) < patterns_count(patterns);
}

size_t patterns_count(const struct patterns *patterns)
{
    return patterns ? patterns->count : 0;
}

struct text patterns_at(const struct patterns *patterns, size_t index)
{
    CHECK(index < patterns_count(patterns));
    return (struct text){patterns->items[index].bytes, patterns->items[index].len};
}

size_t patterns_memory(const struct patterns *patterns)
{
    return patterns ? patterns->size : 0;
}
