/* SPDX-License-Identifier: MIT */
/* See access_rules.h. */
#include "tests/fuzz/access_rules.h"

#include <jansson.h>

/* --- patterns ------------------------------------------------------------------------------ */

bool access_rules_is_pattern(struct text pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if ((pattern.at[i] >= 0 && pattern.at[i] < 32) || pattern.at[i] == 127)
            return false;
    return pattern.len >= 1 && pattern.len <= 256;
}

bool access_rules_match(struct text pattern, struct text name)
{
    /* matched[j]: the pattern's beginning so far matches the name's first j bytes. */
    bool matched[257] = {true};
    if (name.len == 0 || name.len > 256)
        return false;
    for (size_t i = 0; i < pattern.len; i++) {
        bool before = matched[0];
        matched[0] = matched[0] && pattern.at[i] == '*';
        for (size_t j = 1; j <= name.len; j++) {
            bool now = pattern.at[i] == '*' ? matched[j] || matched[j - 1]
                                            : before && pattern.at[i] == name.at[j - 1];
            before = matched[j];
            matched[j] = now;
        }
    }
    return matched[name.len];
}

/* --- tokens -------------------------------------------------------------------------------- */

static json_t *load(struct text bytes)
{
    return json_loadb(bytes.at, bytes.len, JSON_REJECT_DUPLICATES, NULL);
}

static struct text string_of(const json_t *value)
{
    return (struct text){json_string_value(value), json_string_length(value)};
}

static enum token_fault judge_header(const json_t *header)
{
    const json_t *alg = json_object_get(header, "alg"), *kid = json_object_get(header, "kid");
    if (!json_is_object(header) || !json_is_string(alg) || (kid && !json_is_string(kid)))
        return TOKEN_HEADER;
    if (json_object_get(header, "crit"))
        return TOKEN_CRITICAL;
    return strcmp(json_string_value(alg), "HS256") == 0 ? TOKEN_OK : TOKEN_ALGORITHM;
}

/* A number as exactly as it is written, which takes the 64 bits of x87's; false: it is none. */
static bool number_of(const json_t *value, long double *ret_number)
{
    if (json_is_integer(value))
        *ret_number = (long double)json_integer_value(value);
    else if (json_is_real(value))
        *ret_number = (long double)json_real_value(value);
    if (!json_is_string(value))
        return json_is_number(value);
    const char *text = json_string_value(value);
    char *end;
    size_t sign = text[0] == '-', whole = strspn(text + sign, "0123456789");
    size_t dot = text[sign + whole] == '.', rest = strspn(text + sign + whole + dot, "0123456789");
    *ret_number = strtold(text, &end);
    long double size = *ret_number < 0 ? -*ret_number : *ret_number;
    return whole > 0 && (dot ? rest > 0 : true) && text[sign + whole + dot + rest * dot] == '\0' &&
           size < 0x1p61L;
}

static bool is_list(const json_t *list)
{
    const json_t *value;
    size_t i;
    if (!list || json_is_null(list))
        return true;
    json_array_foreach(list, i, value)
    {
        if (!json_is_string(value) || !access_rules_is_pattern(string_of(value)))
            return false;
    }
    return json_is_array(list) && json_array_size(list) <= 1000;
}

static bool is_rights(const json_t *rights)
{
    return !rights || json_is_null(rights) ||
           (json_is_object(rights) && is_list(json_object_get(rights, "subscribe")) &&
            is_list(json_object_get(rights, "publish")));
}

static enum token_fault judge_claims(const json_t *claims, int64_t now_s)
{
    const json_t *exp = json_object_get(claims, "exp"), *nbf = json_object_get(claims, "nbf");
    long double ends = 0, begins = 0;
    if (!json_is_object(claims))
        return TOKEN_CLAIMS;
    if ((exp && !number_of(exp, &ends)) || (nbf && !number_of(nbf, &begins)))
        return TOKEN_TIME;
    if (!is_rights(json_object_get(claims, "fanfare")))
        return TOKEN_RIGHTS;
    if (exp && !((long double)now_s < ends))
        return TOKEN_EXPIRED;
    return nbf && (long double)now_s < begins ? TOKEN_EARLY : TOKEN_OK;
}

enum token_fault access_rules_token(struct text header, struct text payload, int64_t now_s)
{
    json_t *json = load(header);
    enum token_fault fault = judge_header(json);
    json_decref(json);
    if (fault)
        return fault;
    json = load(payload);
    fault = judge_claims(json, now_s);
    json_decref(json);
    return fault;
}

bool access_rules_may(struct text payload, const char *list, struct text channel)
{
    json_t *json = load(payload);
    const json_t *value;
    size_t i;
    bool may = false;
    json_array_foreach(json_object_get(json_object_get(json, "fanfare"), list), i, value)
    {
        may |= access_rules_match(string_of(value), channel);
    }
    json_decref(json);
    return may;
}
