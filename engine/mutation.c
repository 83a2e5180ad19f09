/* SPDX-License-Identifier: MIT */
/*
 * Switches a deliberate fault on: see mutation.h. Part of builds with the option `mutations` alone,
 * which are for tests and never installed; so it may read the environment and end the program.
 */
#include "engine/mutation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mutation mutation_on;

#define X(name) #name,
static const char *const names[] = {"", MUTATIONS(X)};
#undef X

__attribute__((constructor)) static void switch_on(void)
{
    const char *name = getenv("FANFARE_MUTATION");
    if (!name)
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            mutation_on = (enum mutation)i;
            return;
        }
    }
    fprintf(stderr, "there is no mutation \"%s\"\n", name);
    exit(3);
}
