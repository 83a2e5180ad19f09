/* SPDX-License-Identifier: MIT */
/* See gap_text.h. */
#include "tests/sim/gap_text.h"

static bool take_literal(struct text *rest, const char *literal)
{
    size_t len = strlen(literal);
    if (rest->len < len || memcmp(rest->at, literal, len) != 0)
        return false;
    rest->at += len;
    rest->len -= len;
    return true;
}

/* A JSON string; only a quote and a backslash need an escape in what is told here. */
static bool take_string(struct text *rest, char *out, size_t size, struct text *ret_text)
{
    size_t len = 0;
    if (!take_literal(rest, "\""))
        return false;
    while (rest->len && rest->at[0] != '"') {
        if (rest->at[0] == '\\') {
            take_literal(rest, "\\");
            if (!rest->len || (rest->at[0] != '"' && rest->at[0] != '\\'))
                return false;
        }
        if ((unsigned char)rest->at[0] < 0x20 || len == size)
            return false;
        out[len++] = rest->at[0];
        rest->at++;
        rest->len--;
    }
    *ret_text = (struct text){out, len};
    return take_literal(rest, "\"");
}

static bool take_missed(struct text *rest, int64_t *ret_missed)
{
    *ret_missed = -1;
    if (take_literal(rest, "null"))
        return true;
    size_t digits = 0;
    int64_t missed = 0;
    for (; rest->len && rest->at[0] >= '0' && rest->at[0] <= '9'; digits++) {
        missed = missed * 10 + (rest->at[0] - '0');
        rest->at++;
        rest->len--;
    }
    *ret_missed = missed;
    return digits > 0 && digits < 18;
}

bool gap_text_parse(struct gap_text *gap, struct text data)
{
    struct text rest = data, reason;
    *gap = (struct gap_text){.has_from = true};
    if (!take_literal(&rest, "{\"reason\": ") ||
        !take_string(&rest, gap->reason, sizeof(gap->reason) - 1, &reason) ||
        !take_literal(&rest, ", \"channel\": ") ||
        !take_string(&rest, gap->texts[0], sizeof(gap->texts[0]), &gap->channel) ||
        !take_literal(&rest, ", \"from\": "))
        return false;
    if (take_literal(&rest, "null"))
        gap->has_from = false;
    else if (!take_string(&rest, gap->texts[1], sizeof(gap->texts[1]), &gap->from))
        return false;
    return take_literal(&rest, ", \"to\": ") &&
           take_string(&rest, gap->texts[2], sizeof(gap->texts[2]), &gap->to) &&
           take_literal(&rest, ", \"missed\": ") && take_missed(&rest, &gap->missed) &&
           take_literal(&rest, "}") && rest.len == 0;
}
