/* SPDX-License-Identifier: MIT */
/* All options in a row: see options.h. */
#include "lib/options.h"

#include <pthread.h>
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

const char *option_group(unsigned index)
{
    const char *group = "";
    for (unsigned i = 0; i <= index && option_at(i); i++)
        group = option_at(i)->group ? option_at(i)->group : group;
    return group;
}

/* Made once for all engines, of what is constant. */
static char allowed[ROWS_MAX][OPTION_ALLOWED_BYTES];
static pthread_once_t allowed_once = PTHREAD_ONCE_INIT;

static void allowed_make(void)
{
    for (unsigned i = 0; option_at(i); i++) {
        CHECK(i < ROWS_MAX);
        value_allowed(option_at(i), allowed[i], OPTION_ALLOWED_BYTES);
    }
}

const char *option_allowed(unsigned index)
{
    pthread_once(&allowed_once, allowed_make);
    return allowed[index];
}
