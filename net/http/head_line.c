/* SPDX-License-Identifier: MIT */
/* Which head lines may stand in an answer of ours: see head_line.h. */
#include "net/http/head_line.h"

#include <strings.h>

#include "net/http/bytes.h"

/* A word that ends in `-` is of all names that begin so. */
static const char *const ours[] = {
    /* what frames an answer */
    "connection", "content-encoding", "content-length", "content-range", "keep-alive",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    /* what the server says */
    "cache-control", "content-type", "date", "fanfare-", "x-accel-buffering"};
/* And where it knows the request. */
static const char *const of_origins[] = {"access-control-", "vary"};

static bool is_one_of(struct text name, const char *const *names, size_t count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        bool any = names[i][len - 1] == '-';
        if ((any ? name.len >= len : name.len == len) && strncasecmp(name.at, names[i], len) == 0)
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

static const char *check(struct text line, bool origins, struct text *ret_name,
                         struct text *ret_value)
{
    struct text name, value;
    const char *fault = head_line_read(line, &name, &value);
    if (!fault &&
        (is_one_of(name, ours, sizeof(ours) / sizeof(ours[0])) ||
         (origins && is_one_of(name, of_origins, sizeof(of_origins) / sizeof(of_origins[0])))))
        fault = "is one that the server says itself, or that would break the answer";
    if (fault)
        return fault;
    *ret_name = name;
    *ret_value = value;
    return NULL;
}

const char *head_line_check(struct text line, struct text *ret_name, struct text *ret_value)
{
    return check(line, true, ret_name, ret_value);
}

const char *head_line_check_program(struct text line, struct text *ret_name, struct text *ret_value)
{
    return check(line, false, ret_name, ret_value);
}
