/* SPDX-License-Identifier: MIT */
/* Which head lines may stand in an answer of ours: see head_line.h. */
#include "net/http/head_line.h"

#include <strings.h>

#include "net/http/bytes.h"

/* A word that ends in `-` is of all names that begin so. */
static const char *const framing[] = {
    "connection",        "content-length", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",        NULL};
/* What the server says, of its own body or of another's. */
static const char *const always[] = {"content-type", "date", "fanfare-", NULL};
/* And where the body is its own. */
static const char *const of_body[] = {"cache-control", "content-encoding", "content-range",
                                      "x-accel-buffering", NULL};
/* And where it knows the request. */
static const char *const of_origins[] = {"access-control-", NULL};
static const char *const of_variants[] = {"vary", NULL};

static bool is_one_of(struct text name, const char *const *names)
{
    for (; *names; names++) {
        size_t len = strlen(*names);
        bool any = (*names)[len - 1] == '-';
        if ((any ? name.len >= len : name.len == len) && strncasecmp(name.at, *names, len) == 0)
            return true;
    }
    return false;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

const char *head_line_read(struct text line, struct text *ret_name, struct text *ret_value)
{
    const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;
    if (!colon || colon == line.at)
        return "is not `Name: value`";
    struct text name = {line.at, (size_t)(colon - line.at)};
    struct text value = {colon + 1, line.len - name.len - 1};
    for (size_t i = 0; i < name.len; i++)
        if (!http_is_token((unsigned char)name.at[i]))
            return "has a byte in its name that no name may have";
    for (size_t i = 0; i < value.len; i++)
        if (!http_is_value((unsigned char)value.at[i]))
            return "has a control character in its value";
    while (value.len && is_space(value.at[0]))
        value = (struct text){value.at + 1, value.len - 1};
    while (value.len && is_space(value.at[value.len - 1]))
        value.len--;
    *ret_name = name;
    *ret_value = value;
    return NULL;
}

/* `ours` are the lists that it must not be of, NULL behind the last. */
static const char *check(struct text line, const char *const *const ours[], struct text *ret_name,
                         struct text *ret_value)
{
    struct text name, value;
    const char *fault = head_line_read(line, &name, &value);
    for (; !fault && *ours; ours++)
        if (is_one_of(name, *ours))
            fault = "is one that the server says itself, or that would break the answer";
    if (fault)
        return fault;
    *ret_name = name;
    *ret_value = value;
    return NULL;
}

const char *head_line_check(struct text line, struct text *ret_name, struct text *ret_value)
{
    static const char *const *const ours[] = {framing,    always,      of_body,
                                              of_origins, of_variants, NULL};
    return check(line, ours, ret_name, ret_value);
}

const char *head_line_check_program(struct text line, struct text *ret_name, struct text *ret_value)
{
    static const char *const *const ours[] = {framing, always, of_body, NULL};
    return check(line, ours, ret_name, ret_value);
}

const char *head_line_check_reply(struct text lines)
{
    static const char *const *const ours[] = {framing, always, of_origins, NULL};
    while (lines.len) {
        const char *end = memchr(lines.at, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.at) : lines.len;
        if (!end || len == 0 || lines.at[len - 1] != '\r')
            return "does not end with CR and LF";
        struct text name, value;
        const char *fault = check((struct text){lines.at, len - 1}, ours, &name, &value);
        if (fault)
            return fault;
        lines = (struct text){end + 1, lines.len - len - 1};
    }
    return NULL;
}
