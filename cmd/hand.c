/* SPDX-License-Identifier: MIT */
/* See hand.h. */
#include "cmd/hand.h"

#include "fanfare.h"

/* A server answers all that it can, where nobody says otherwise. */
static const char ALL_ROUTES[] = "subscribe publish send page health stats metrics";

/* The row of that name; false: the command has none, as of what only a program around the engine
 * can use. */
static bool find(const struct parse *parse, const char *name, size_t *ret_index)
{
    for (size_t i = 0; i < command_option_count(parse->command); i++) {
        if (strcmp(command_option(parse->command, i)->name, name) != 0)
            continue;
        *ret_index = i;
        return true;
    }
    return false;
}

static int hand_list(struct fanfare *fanfare, const struct option *option, const void *settings)
{
    int r = fanfare_set(fanfare, option->name, NULL);
    for (unsigned i = 0; i < value_count(option, settings) && r == 0; i++)
        r = fanfare_set(fanfare, option->name, value_item(option, settings, i));
    return r;
}

int hand_options(struct fanfare *fanfare, const struct parse *parse, bool again)
{
    const char *name;
    int r = 0;
    for (unsigned i = 0; (name = fanfare_option_name(i)) && r == 0; i++) {
        size_t index;
        if (!find(parse, name, &index))
            continue;
        const struct option *option = command_option(parse->command, index);
        if (again && option->restart)
            continue;
        if (option->list_max > 0) {
            r = hand_list(fanfare, option, parse->target);
            continue;
        }
        const char *text = parse->given[index];
        if (!text)
            text = command_usual(parse->command, option);
        if (!text && strcmp(name, "routes") == 0)
            text = ALL_ROUTES;
        r = fanfare_set(fanfare, name, text);
    }
    return r;
}
