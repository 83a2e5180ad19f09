/* SPDX-License-Identifier: MIT */
/* See terms.h. */
#include "lib/terms.h"

#include <errno.h>

int terms_new(const struct staged *staged, struct terms **ret_terms, char *error, size_t error_size)
{
    struct terms *terms = calloc(1, sizeof(*terms));
    int r = terms ? staged_copy(&terms->texts, staged) : -ENOMEM;
    if (r == 0)
        r = staged_make(&terms->texts, &terms->settings, error, error_size);
    if (r < 0)
        terms_free(terms);
    else
        *ret_terms = terms;
    return r;
}

struct terms *terms_free(struct terms *terms)
{
    if (terms)
        staged_deinit(&terms->texts);
    free(terms);
    return NULL;
}
