/* SPDX-License-Identifier: MIT */
/* Kinds of requests by name: see ask.h. */
#include "lib/ask.h"

#include <errno.h>

#include "fanfare.h"

static const struct {
    const char *word;
    int kind;
} rows[] = {{"subscribe", FANFARE_REQUEST_SUBSCRIBE},
            {"publish", FANFARE_REQUEST_PUBLISH},
            {"other", FANFARE_REQUEST_OTHER}};

static unsigned kind_of(struct text word)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (text_equals(word, text_of(rows[i].word)))
            return 1u << rows[i].kind;
    return 0;
}

int ask_read(const char *words, unsigned *ret_kinds, char *error, size_t error_size)
{
    unsigned kinds = 0;
    while (*words) {
        struct text word = {words, strcspn(words, ", ")};
        unsigned kind = word.len ? kind_of(word) : 0;
        if (word.len && (!kind || (kinds & kind))) {
            snprintf(error, error_size,
                     "\"%.*s\" %s; allowed: subscribe, publish, other, each once",
                     word.len > 40 ? 40 : (int)word.len, word.at,
                     kind ? "is given twice" : "is no kind of request");
            return -EINVAL;
        }
        kinds |= kind;
        words += word.len + (words[word.len] != '\0');
    }
    *ret_kinds = kinds;
    return 0;
}
