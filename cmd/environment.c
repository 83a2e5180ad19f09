/* SPDX-License-Identifier: MIT */
/* Which variables are known, which are a platform's, and what was meant: see environment.h. */
#include "cmd/environment.h"

#include "engine/base/guess.h"
#include "cmd/options.h"

static const char PREFIX[] = "FANFARE_";

enum { NAME_BYTES = 80 };

/* The variables that Kubernetes makes of a service "fanfare" or "fanfare-x". */
static bool is_platforms(const char *name, const char *value)
{
    if (strstr(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT"))
        return true;
    const char *port = strstr(name, "_PORT");
    if (!port)
        return false;
    bool numbered = port[5] == '_' && port[6] >= '0' && port[6] <= '9';
    return numbered || (port[5] == '\0' && strstr(value, "://"));
}

/* Finds the option of that variable, or the nearest one that may be given so. */
static const struct option *look(const char *name, char *guess_out)
{
    struct guess guess;
    char variable[NAME_BYTES];
    guess_out[0] = '\0';
    guess_begin(&guess, name + strlen(PREFIX), strlen(name) - strlen(PREFIX));
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        for (size_t j = 0; j < command_option_count(commands[i]); j++) {
            const struct option *option = command_option(commands[i], j);
            parse_variable(option, variable, sizeof(variable));
            if (strcmp(variable, name) == 0 && (option->from & FROM_ENVIRONMENT))
                return option;
            guess.best = NULL;
            if (option->from & FROM_ENVIRONMENT)
                guess_offer(&guess, variable + strlen(PREFIX));
            if (guess.best)
                snprintf(guess_out, NAME_BYTES, "%s", variable);
        }
    return NULL;
}

void environment_check(char *const *variables, void (*each)(void *context, const char *sentence),
                       void *context)
{
    char name[NAME_BYTES], guess[NAME_BYTES], sentence[256];
    for (; variables && *variables; variables++) {
        const char *equals = strchr(*variables, '=');
        if (!equals || strncmp(*variables, PREFIX, strlen(PREFIX)) != 0)
            continue;
        size_t len = (size_t)(equals - *variables);
        snprintf(name, sizeof(name), "%.*s", (int)(len < NAME_BYTES ? len : NAME_BYTES - 1),
                 *variables);
        if (look(name, guess) || is_platforms(name, equals + 1))
            continue;
        snprintf(sentence, sizeof(sentence),
                 "the environment variable %s means nothing here and is ignored%s%s%s", name,
                 guess[0] ? "; did you mean " : "; `fanfare help serve` lists the options",
                 guess[0] ? guess : "", guess[0] ? "?" : "");
        each(context, sentence);
    }
}
