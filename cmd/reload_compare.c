/* SPDX-License-Identifier: MIT */
/* What differs between two readings of the options: see reload.h. Runs nothing, so that the unit
 * tests can have it. */
#include "cmd/reload.h"

enum { SAID_BYTES = 1024 }; /* a longer list is cut */

static const char *said(const struct parse *parse, size_t index, char *list)
{
    const struct option *option = command_option(parse->command, index);
    if (!parse->given[index]) {
        const char *usual = command_usual_said(parse->command, option);
        return usual ? usual : "none";
    }
    if (option->list_max == 0)
        return parse->given[index];
    size_t len = 0;
    for (unsigned i = 0; i < value_count(option, parse->target) && len < SAID_BYTES; i++)
        len += (size_t)snprintf(list + len, SAID_BYTES - len, "%s%s", i > 0 ? " " : "",
                                value_item(option, parse->target, i));
    return list;
}

unsigned reload_compare(const struct parse *now, struct parse *next,
                        void (*each)(void *context, const struct option *option, const char *was,
                                     const char *is),
                        void *context)
{
    char was[SAID_BYTES], is[SAID_BYTES];
    unsigned changed = 0;
    for (size_t i = 0; i < command_option_count(now->command); i++) {
        const struct option *option = command_option(now->command, i);
        /* Where nobody gave it the value may come from the machine, and is not a wish. */
        bool given = now->given[i] || next->given[i];
        if (given && !value_same(option, now->target, next->target)) {
            each(context, option, said(now, i, was), said(next, i, is));
            changed++;
        }
        if (!option->restart)
            continue;
        value_copy(option, next->target, now->target);
        next->given[i] = now->given[i];
        next->source[i] = now->source[i];
        next->line[i] = now->line[i];
    }
    return changed;
}
