/* SPDX-License-Identifier: MIT */
/* Grants: see grant.h. */
#include "net/access/grant.h"

#include <errno.h>
#include <stdatomic.h>

#include "engine/base/pattern.h"

struct grant {
    _Atomic unsigned references;
    int64_t ends_at_s;
    struct patterns *patterns[GRANT_RIGHTS];
    size_t sub_len;
    char sub[];
};

int grant_new(const struct grant_options *options, struct grant **ret_grant)
{
    struct grant *grant = calloc(1, sizeof(*grant) + options->sub.len);
    if (!grant)
        return -ENOMEM;
    atomic_init(&grant->references, 1);
    grant->ends_at_s = options->ends_at_s;
    grant->sub_len = options->sub.len;
    if (options->sub.len)
        memcpy(grant->sub, options->sub.at, options->sub.len);
    int r = patterns_new(options->subscribe, options->subscribe_count,
                         &grant->patterns[GRANT_SUBSCRIBE]);
    if (!r)
        r = patterns_new(options->publish, options->publish_count, &grant->patterns[GRANT_PUBLISH]);
    if (r) {
        grant_unref(grant);
        return r;
    }
    *ret_grant = grant;
    return 0;
}

struct grant *grant_ref(struct grant *grant)
{
    atomic_fetch_add_explicit(&grant->references, 1, memory_order_relaxed);
    return grant;
}

struct grant *grant_unref(struct grant *grant)
{
    /* Release and acquire: whoever frees it sees all uses by the others as over. */
    if (!grant || atomic_fetch_sub_explicit(&grant->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    for (unsigned i = 0; i < GRANT_RIGHTS; i++)
        patterns_free(grant->patterns[i]);
    free(grant);
    return NULL;
}

bool grant_may(const struct grant *grant, enum grant_right right, struct text channel)
{
    return grant && patterns_match(grant->patterns[right], channel);
}

int64_t grant_ends_at_s(const struct grant *grant)
{
    return grant->ends_at_s;
}

struct text grant_sub(const struct grant *grant)
{
    return (struct text){grant->sub, grant->sub_len};
}

const struct patterns *grant_patterns(const struct grant *grant, enum grant_right right)
{
    return grant->patterns[right];
}

size_t grant_memory(const struct grant *grant)
{
    size_t size = sizeof(*grant) + grant->sub_len;
    for (unsigned i = 0; i < GRANT_RIGHTS; i++)
        size += patterns_memory(grant->patterns[i]);
    return size;
}
