/* SPDX-License-Identifier: MIT */
/* All options in a row: see options.h. */
#include "lib/options.h"

#include <string.h>

static const struct option_table *const tables[] = {
    &options_address,  &options_site,    &options_access, &options_streams,
    &options_requests, &options_running, &options_embed,
};

const struct option *option_at(unsigned index)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (index < tables[i]->count)
            return &tables[i]->rows[index];
        index -= (unsigned)tables[i]->count;
    }
    return NULL;
}

int option_index(const char *name)
{
    const struct option *option;
    for (unsigned i = 0; (option = option_at(i)); i++)
        if (strcmp(option->name, name) == 0)
            return (int)i;
    return -1;
}
