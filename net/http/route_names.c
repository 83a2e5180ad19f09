/* SPDX-License-Identifier: MIT */
/* Words into bits: see route_names.h. */
#include "net/http/route_names.h"

#include <errno.h>

#include "net/http/bytes.h"

static const char *const names[ROUTE_NAMES] = {
    [ROUTE_NAME_SUBSCRIBE] = "subscribe", [ROUTE_NAME_PUBLISH] = "publish",
    [ROUTE_NAME_SEND] = "send",           [ROUTE_NAME_PAGE] = "page",
    [ROUTE_NAME_HEALTH] = "health",       [ROUTE_NAME_STATS] = "stats",
    [ROUTE_NAME_METRICS] = "metrics",
};

static int refuse(const char *fault, char *error, size_t error_size)
{
    int len = snprintf(error, error_size, "%s; routes are", fault);
    for (unsigned i = 0; i < ROUTE_NAMES && len > 0 && (size_t)len < error_size; i++)
        len += snprintf(error + len, error_size - (size_t)len, "%s %s", i ? "," : "", names[i]);
    return -EINVAL;
}

int route_names_read(const char *words, unsigned *ret_names, char *error, size_t error_size)
{
    unsigned found = 0;
    size_t len;
    for (const char *word = words; *(word += strspn(word, ", ")); word += len) {
        len = strcspn(word, ", ");
        unsigned name = 0;
        while (name < ROUTE_NAMES && !text_equals(text_of(names[name]), (struct text){word, len}))
            name++;
        if (name == ROUTE_NAMES) {
            char shown[HTTP_WORD_ROOM], fault[HTTP_WORD_ROOM + 32];
            http_word((struct text){word, len}, shown);
            snprintf(fault, sizeof(fault), "there is no route \"%s\"", shown);
            return refuse(fault, error, error_size);
        }
        found |= 1u << name;
    }
    if (found == 0)
        return refuse("no route is named", error, error_size);
    *ret_names = found;
    return 0;
}
