/* SPDX-License-Identifier: MIT */
/* Subscribers' ids as text: see subscriber_id.h. */
#include "engine/subscriber_id.h"

void subscriber_id_format(char out[SUBSCRIBER_ID_LEN], uint64_t id)
{
    for (int i = SUBSCRIBER_ID_LEN - 1; i >= 0; i--, id >>= 4)
        out[i] = "0123456789abcdef"[id & 15];
}

bool subscriber_id_parse(struct text text, uint64_t *ret_id)
{
    uint64_t id = 0;
    if (text.len != SUBSCRIBER_ID_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char digit = text.at[i];
        if (digit >= '0' && digit <= '9')
            id = id << 4 | (uint64_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            id = id << 4 | (uint64_t)(digit - 'a' + 10);
        else
            return false;
    }
    if (id == 0)
        return false;
    *ret_id = id;
    return true;
}
