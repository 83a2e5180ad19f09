/* SPDX-License-Identifier: MIT */
/* The list of rules: see rules.h. */
#include "engine/rules.h"

#include <errno.h>
#include <stdatomic.h>

#include "engine/base/pattern.h"
#include "engine/limits.h"

static_assert(RULES_MAX <= PATTERNS_MAX, "each rule has a pattern");

struct rules {
    _Atomic unsigned references; /* relaxed up; acq_rel down, so that the last one sees all */
    unsigned count, things;
    struct patterns *patterns;
    struct rule items[]; /* the server's own is the last */
};

static unsigned things_of(const struct rule *rule, const struct rule *usual)
{
    bool times =
        rule->lifetime_ms != usual->lifetime_ms || rule->idle_timeout_ms != usual->idle_timeout_ms;
    return (times ? RULES_TIMES : 0u) | (rule->subscribers_max ? RULES_SUBSCRIBERS : 0u) |
           (rule->once ? RULES_ONCE : 0u) | (rule->presence ? RULES_PRESENCE : 0u);
}

int rules_new(const char *const *texts, unsigned count, const struct rule *usual,
              struct rules **ret_rules, char *error, size_t error_size)
{
    struct text patterns[RULES_MAX];
    if (count > RULES_MAX) {
        snprintf(error, error_size, "channel is given more than %d times", RULES_MAX);
        return -EINVAL;
    }
    struct rules *rules = malloc(sizeof(*rules) + (count + 1) * sizeof(rules->items[0]));
    int r = rules ? 0 : -ENOMEM;
    for (unsigned i = 0; i < count && !r; i++) {
        rules->items[i] = *usual;
        r = rule_read(texts[i], &rules->items[i], &patterns[i], error, error_size);
        rules->items[i].index = i;
    }
    struct patterns *compiled = NULL;
    if (!r)
        r = patterns_new(patterns, count, &compiled);
    if (r) {
        if (r == -ENOMEM)
            snprintf(error, error_size, "out of memory");
        free(rules);
        return r;
    }
    atomic_init(&rules->references, 1);
    rules->count = count;
    rules->patterns = compiled;
    rules->items[count] = *usual;
    rules->items[count].index = count;
    rules->things = 0;
    for (unsigned i = 0; i <= count; i++)
        rules->things |= things_of(&rules->items[i], usual);
    *ret_rules = rules;
    return 0;
}

struct rules *rules_ref(struct rules *rules)
{
    atomic_fetch_add_explicit(&rules->references, 1, memory_order_relaxed);
    return rules;
}

struct rules *rules_unref(struct rules *rules)
{
    if (!rules || atomic_fetch_sub_explicit(&rules->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    patterns_free(rules->patterns);
    free(rules);
    return NULL;
}

const struct rule *rules_find(const struct rules *rules, struct text name)
{
    return &rules->items[patterns_find(rules->patterns, name)];
}

unsigned rules_count(const struct rules *rules)
{
    return rules->count;
}

const struct rule *rules_at(const struct rules *rules, unsigned index)
{
    CHECK(index <= rules->count);
    return &rules->items[index];
}

struct text rules_pattern(const struct rules *rules, unsigned index)
{
    return patterns_at(rules->patterns, index);
}

unsigned rules_things(const struct rules *rules)
{
    return rules->things;
}
