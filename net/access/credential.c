/* SPDX-License-Identifier: MIT */
/* Finds a request's token: see credential.h. */
#include "net/access/credential.h"

#include <strings.h>

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct text trim(struct text text)
{
    while (text.len > 0 && is_blank(text.at[0]))
        text = (struct text){text.at + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

static bool read_bearer(struct text field, struct text *ret_token)
{
    static const char scheme[] = "Bearer";
    const size_t len = sizeof(scheme) - 1;
    if (field.len < len || strncasecmp(field.at, scheme, len) != 0 ||
        (field.len > len && !is_blank(field.at[len])))
        return false;
    *ret_token = trim((struct text){field.at + len, field.len - len});
    return true;
}

/* The first cookie of our name (RFC 6265 section 5.4 sends the one of the longest path first). */
static bool read_cookie(struct text field, struct text *ret_token)
{
    static const char name[] = CREDENTIAL_COOKIE "=";
    const size_t len = sizeof(name) - 1;
    while (field.len > 0) {
        const char *end = memchr(field.at, ';', field.len);
        size_t part = end ? (size_t)(end - field.at) : field.len;
        struct text pair = trim((struct text){field.at, part});
        if (pair.len >= len && memcmp(pair.at, name, len) == 0) {
            struct text value = {pair.at + len, pair.len - len};
            if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
                value = (struct text){value.at + 1, value.len - 2};
            *ret_token = value;
            return true;
        }
        part += end != NULL;
        field = (struct text){field.at + part, field.len - part};
    }
    return false;
}

struct credential credential_find(struct text authorization, struct text query, struct text cookie)
{
    struct credential credential = {CREDENTIAL_BY_HEADER, {"", 0}};
    if (read_bearer(authorization, &credential.token))
        return credential;
    if (query.at)
        return (struct credential){CREDENTIAL_BY_QUERY, query};
    credential.place = CREDENTIAL_BY_COOKIE;
    if (read_cookie(cookie, &credential.token))
        return credential;
    return (struct credential){CREDENTIAL_NONE, {"", 0}};
}
