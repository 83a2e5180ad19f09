/* SPDX-License-Identifier: MIT */
/* What differs between two readings of the options: see reload.h. Runs nothing, so that the unit
 * tests can have it. */
#include "cmd/reload.h"

static const char *said(const struct parse *parse, size_t index)
{
    const struct option *option = &parse->command->options[index];
    if (parse->given[index])
        return parse->given[index];
    return option->usual_said ? option->usual_said : "none";
}

unsigned reload_compare(const struct parse *now, struct parse *next,
                        void (*each)(void *context, const struct option *option, const char *was,
                                     const char *is),
                        void *context)
{
    unsigned changed = 0;
    for (size_t i = 0; i < now->command->option_count; i++) {
        const struct option *option = &now->command->options[i];
        /* Where nobody gave it the value may come from the machine, and is not a wish. */
        bool given = now->given[i] || next->given[i];
        if (given && !value_same(option, now->target, next->target)) {
            each(context, option, said(now, i), said(next, i));
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
