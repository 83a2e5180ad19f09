/* SPDX-License-Identifier: MIT */
/* Options as they were set: see staged.h. */
#include "lib/staged.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void texts_free(struct staged *staged, unsigned index)
{
    for (unsigned i = 0; i < staged->counts[index]; i++)
        free(staged->texts[index][i]);
    free(TAKE(staged->texts[index]));
    staged->counts[index] = 0;
}

/* Makes room for one more and keeps a copy of the text there. */
static int texts_add(struct staged *staged, unsigned index, const char *text)
{
    unsigned count = staged->counts[index];
    char **texts = realloc(staged->texts[index], (count + 1) * sizeof(*texts));
    if (!texts)
        return -ENOMEM;
    staged->texts[index] = texts;
    texts[count] = strdup(text);
    if (!texts[count])
        return -ENOMEM;
    staged->counts[index]++;
    return 0;
}

int staged_set(struct staged *staged, unsigned index, const char *text, char *error,
               size_t error_size)
{
    const struct option *option = option_at(index);
    struct value value;
    if (!text) {
        texts_free(staged, index);
        return 0;
    }
    if (!value_parse(option, text, &value, error, error_size))
        return -EINVAL;
    if (option->list_max > 0) {
        if (staged->counts[index] == option->list_max) {
            snprintf(error, error_size, "given more than %zu times", option->list_max);
            return -E2BIG;
        }
        return texts_add(staged, index, text);
    }
    if (staged->counts[index] == 0)
        return texts_add(staged, index, text);
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(staged->texts[index][0]);
    staged->texts[index][0] = copy;
    return 0;
}

int staged_copy(struct staged *ret_staged, const struct staged *from)
{
    *ret_staged = (struct staged){0};
    for (unsigned i = 0; i < ROWS_MAX; i++)
        for (unsigned j = 0; j < from->counts[i]; j++)
            if (texts_add(ret_staged, i, from->texts[i][j]) < 0) {
                staged_deinit(ret_staged);
                return -ENOMEM;
            }
    return 0;
}

void staged_deinit(struct staged *staged)
{
    for (unsigned i = 0; i < ROWS_MAX; i++)
        texts_free(staged, i);
}

/* What was checked when it was set, or stands in a row, is right; but for a user or group that the
 * machine no longer has, or cannot look up now. */
static int store(struct settings *settings, const struct option *option, const char *text,
                 char *error, size_t error_size)
{
    struct value value;
    char fault[400];
    if (!value_parse(option, text, &value, fault, sizeof(fault))) {
        snprintf(error, error_size, "%s: %s", option->name, fault);
        return -EINVAL;
    }
    value_store(option, &value, settings);
    return 0;
}

int staged_make(const struct staged *staged, struct settings *ret_settings, char *error,
                size_t error_size)
{
    const struct option *option;
    int r = 0;
    settings_begin(ret_settings);
    for (unsigned i = 0; r == 0 && (option = option_at(i)); i++) {
        CHECK(i < ROWS_MAX);
        for (unsigned j = 0; r == 0 && j < staged->counts[i]; j++)
            r = store(ret_settings, option, staged->texts[i][j], error, error_size);
        if (staged->counts[i] == 0 && option->usual)
            r = store(ret_settings, option, option->usual, error, error_size);
    }
    return r < 0 ? r : settings_finish(ret_settings, error, error_size);
}
