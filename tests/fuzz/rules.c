/* SPDX-License-Identifier: MIT */
/* See rules.h. One character at a time, by its code point. */
#include "tests/fuzz/rules.h"

/* The next code point of the text, or -1 if there is none that is well formed. */
static int32_t next_character(struct text text, size_t *at)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.at[*at];
    int len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len == 0 || first >= 0xf8 || text.len - *at < (size_t)len)
        return -1;
    int32_t character = len == 1 ? first : first & (0x7f >> len);
    for (int i = 1; i < len; i++) {
        unsigned char byte = (unsigned char)text.at[*at + (size_t)i];
        if (byte < 0x80 || byte >= 0xc0)
            return -1;
        character = character << 6 | (byte & 0x3f);
    }
    *at += (size_t)len;
    bool surrogate = character >= 0xd800 && character <= 0xdfff;
    return character < least[len] || character > 0x10ffff || surrogate ? -1 : character;
}

bool rules_is_text(struct text text)
{
    for (size_t at = 0; at < text.len;) {
        if (next_character(text, &at) <= 0)
            return false;
    }
    return true;
}

bool rules_has_controls(struct text text)
{
    for (size_t at = 0; at < text.len;) {
        int32_t character = next_character(text, &at);
        if (character < 0x20 || (character >= 0x7f && character < 0xa0))
            return true;
    }
    return false;
}

bool rules_is_channel(struct text channel)
{
    return channel.len >= 1 && channel.len <= 256 && rules_is_text(channel) &&
           !rules_has_controls(channel);
}

static bool is_lower_hex(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
}

static uint64_t hex_value(const char *at, int digits)
{
    uint64_t value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 16 + (uint64_t)(at[i] <= '9' ? at[i] - '0' : at[i] - 'a' + 10);
    return value;
}

bool rules_is_our_id(struct text id, uint64_t *ret_epoch, uint64_t *ret_sequence)
{
    if (id.len != 29)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        if (i == 12 ? id.at[i] != '-' : !is_lower_hex(id.at[i]))
            return false;
    }
    *ret_epoch = hex_value(id.at, 12);
    *ret_sequence = hex_value(id.at + 13, 16);
    return true;
}

bool rules_is_given_id(struct text id)
{
    uint64_t epoch, sequence;
    return id.len >= 1 && id.len <= 128 && rules_is_text(id) && !rules_has_controls(id) &&
           id.at[0] != ' ' && id.at[id.len - 1] != ' ' && !rules_is_our_id(id, &epoch, &sequence);
}

bool rules_is_event(const struct event *event)
{
    bool addressed =
        event->all ? !event->channel.len && !event->ends : rules_is_channel(event->channel);
    if (!addressed || !rules_is_text(event->data) || event->data.len > DATA_BYTES_MAX)
        return false;
    if (event->type.len > 256 || !rules_is_text(event->type))
        return false;
    for (size_t i = 0; i < event->type.len; i++) {
        if (event->type.at[i] == '\n' || event->type.at[i] == '\r')
            return false;
    }
    if (event->id.len && !rules_is_given_id(event->id))
        return false;
    if (event->key.len &&
        (event->key.len > 128 || !rules_is_text(event->key) || rules_has_controls(event->key)))
        return false;
    if (event->without_data &&
        ((event->retry_ms < 0 && !event->ends) || event->id.len || event->type.len))
        return false;
    bool own = event->channel.len >= 10 && memcmp(event->channel.at, "@presence/", 10) == 0;
    return !own && event->retry_ms >= -1 && !text_equals(event->type, TEXT("fanfare-gap"));
}

int64_t rules_retry_ms(int64_t retry_ms)
{
    return retry_ms > 3600000 ? 3600000 : retry_ms;
}

struct text rules_normalise(struct text text, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\n' && i > 0 && text.at[i - 1] == '\r')
            continue;
        out[len++] = text.at[i] == '\r' ? '\n' : text.at[i];
    }
    return (struct text){out, len};
}

uint64_t rules_number(struct text text, struct text *ret_rest)
{
    uint64_t number = 0;
    size_t len = 0;
    for (; len < text.len && text.at[len] >= '0' && text.at[len] <= '9'; len++)
        number = number * 10 + (uint64_t)(text.at[len] - '0');
    *ret_rest = (struct text){text.at + len, text.len - len};
    return number;
}
