/* SPDX-License-Identifier: MIT */
/* Content-Type and Accept values: see media_type.h. */
#include "net/http/media_type.h"

#include "net/http/bytes.h"

struct text media_type_next(struct text *rest)
{
    bool quoted = false;
    size_t len = 0;
    for (; len < rest->len && (quoted || rest->at[len] != ';'); len++) {
        if (rest->at[len] == '"')
            quoted = !quoted;
        else if (quoted && rest->at[len] == '\\' && len + 1 < rest->len)
            len++;
    }
    struct text part = {rest->at, len};
    len += len < rest->len;
    *rest = (struct text){rest->at + len, rest->len - len};
    while (part.len && (part.at[0] == ' ' || part.at[0] == '\t'))
        part = (struct text){part.at + 1, part.len - 1};
    while (part.len && (part.at[part.len - 1] == ' ' || part.at[part.len - 1] == '\t'))
        part.len--;
    return part;
}

/* A weight of 0 says that it is not wanted. */
static bool is_wanted(struct text parameters)
{
    while (parameters.len > 0) {
        struct text part = media_type_next(&parameters);
        if (part.len < 3 || (part.at[0] != 'q' && part.at[0] != 'Q') || part.at[1] != '=')
            continue;
        for (size_t i = 2; i < part.len; i++)
            if (part.at[i] >= '1' && part.at[i] <= '9')
                return true;
        return false;
    }
    return true;
}

bool media_type_is_asked_for(struct text accept, const char *type)
{
    while (accept.len > 0) {
        const char *comma = memchr(accept.at, ',', accept.len);
        struct text range = {accept.at, comma ? (size_t)(comma - accept.at) : accept.len};
        size_t used = range.len + (comma != NULL);
        accept = (struct text){accept.at + used, accept.len - used};
        struct text name = media_type_next(&range);
        if (http_equals_nocase(name, type) && is_wanted(range))
            return true;
    }
    return false;
}

static bool is_ours(struct text label)
{
    static const char *const labels[] = {"utf-8", "utf8", "us-ascii", "ascii"};
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (http_equals_nocase(label, labels[i]))
            return true;
    }
    return false;
}

bool media_type_is_utf_8(struct text parameters)
{
    while (parameters.len > 0) {
        struct text part = media_type_next(&parameters);
        const char *equals = part.len ? memchr(part.at, '=', part.len) : NULL;
        if (!equals)
            continue;
        struct text name = {part.at, (size_t)(equals - part.at)};
        struct text value = {equals + 1, part.len - name.len - 1};
        if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
            value = (struct text){value.at + 1, value.len - 2};
        if (http_equals_nocase(name, "charset") && !is_ours(value))
            return false;
    }
    return true;
}
