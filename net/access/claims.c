/* SPDX-License-Identifier: MIT */
/* Claims: see claims.h. */
#include "net/access/claims.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "engine/limits.h"
#include "engine/base/pattern.h"

/* --- times --------------------------------------------------------------------------------- */

/* Rounded up, since a time is compared with whole seconds. */
static int64_t whole_seconds(double seconds)
{
    seconds = ceil(seconds);
    if (seconds >= 0x1p62)
        return (int64_t)1 << 62;
    return seconds <= -0x1p62 ? -((int64_t)1 << 62) : (int64_t)seconds;
}

/* Nobody's time; and room for a sum with one. */
#define TEXT_SECONDS_MAX (INT64_MAX >> 2)

/* A text with a number: digits, perhaps a sign in front, perhaps a fraction. */
static bool read_number(const char *text, size_t len, int64_t *ret_seconds)
{
    const char *end = text + len;
    bool minus = text < end && *text == '-', fraction = false;
    int64_t seconds = 0;
    text += minus;
    const char *first = text;
    for (; text < end && *text >= '0' && *text <= '9'; text++) {
        int digit = *text - '0';
        if (seconds > (TEXT_SECONDS_MAX - digit) / 10)
            return false;
        seconds = seconds * 10 + digit;
    }
    if (text == first)
        return false;
    if (text < end && *text == '.') {
        for (first = ++text; text < end && *text >= '0' && *text <= '9'; text++)
            fraction |= *text != '0';
        if (text == first)
            return false;
    }
    *ret_seconds = minus ? -seconds : seconds + fraction;
    return text == end;
}

/* An integer, a real, or a text with one of them; lcobucci/jwt writes reals, and wrote texts.
 * False: it is there and is none of these. */
static bool read_time(const json_t *claims, const char *name, int64_t *seconds)
{
    const json_t *value = json_object_get(claims, name);
    if (!value)
        return true;
    if (json_is_integer(value))
        *seconds = json_integer_value(value);
    else if (json_is_real(value))
        *seconds = whole_seconds(json_real_value(value));
    else
        return json_is_string(value) &&
               read_number(json_string_value(value), json_string_length(value), seconds);
    return true;
}

/* --- rights -------------------------------------------------------------------------------- */

/* The patterns of one list, borrowed from it, into `texts` with room for PATTERNS_MAX. */
static bool read_list(const json_t *list, struct text *texts, size_t *ret_count)
{
    const json_t *value;
    size_t i;
    if (!list || json_is_null(list))
        return true;
    if (!json_is_array(list) || json_array_size(list) > PATTERNS_MAX)
        return false;
    json_array_foreach(list, i, value)
    {
        if (!json_is_string(value))
            return false;
        texts[i] = (struct text){json_string_value(value), json_string_length(value)};
        if (pattern_fault(texts[i]))
            return false;
    }
    *ret_count = json_array_size(list);
    return true;
}

static int read_rights(const json_t *claims, int64_t ends_at_s, struct grant **ret_grant)
{
    struct text subscribe[PATTERNS_MAX], publish[PATTERNS_MAX];
    struct grant_options options = {
        .subscribe = subscribe, .publish = publish, .ends_at_s = ends_at_s};
    const json_t *rights = json_object_get(claims, "fanfare");
    const json_t *sub = json_object_get(claims, "sub");
    if (rights && !json_is_object(rights) && !json_is_null(rights))
        return TOKEN_RIGHTS;
    if (!read_list(json_object_get(rights, "subscribe"), subscribe, &options.subscribe_count) ||
        !read_list(json_object_get(rights, "publish"), publish, &options.publish_count))
        return TOKEN_RIGHTS;
    if (json_is_string(sub))
        options.sub = (struct text){json_string_value(sub), json_string_length(sub)};
    int r = grant_new(&options, ret_grant);
    CHECK(r != -EINVAL); /* each pattern was looked at */
    return r;
}

int claims_read(struct text payload, struct claims *ret_claims)
{
    struct claims read = {.begins_at_s = INT64_MIN, .ends_at_s = GRANT_NEVER};
    json_error_t fault;
    json_t *claims = json_loadb(payload.at, payload.len, JSON_REJECT_DUPLICATES, &fault);
    int r;
    if (!claims && json_error_code(&fault) == json_error_out_of_memory)
        r = -ENOMEM;
    else if (!json_is_object(claims))
        r = TOKEN_CLAIMS;
    else if (!read_time(claims, "exp", &read.ends_at_s) ||
             !read_time(claims, "nbf", &read.begins_at_s))
        r = TOKEN_TIME;
    else
        r = read_rights(claims, read.ends_at_s, &read.grant);
    json_decref(claims);
    if (r == 0)
        *ret_claims = read;
    return r;
}

enum token_fault claims_hold(const struct claims *claims, int64_t now_s)
{
    if (now_s >= claims->ends_at_s)
        return TOKEN_EXPIRED;
    return now_s < claims->begins_at_s ? TOKEN_EARLY : TOKEN_OK;
}

void claims_deinit(struct claims *claims)
{
    claims->grant = grant_unref(claims->grant);
}
