/* SPDX-License-Identifier: MIT */
/* The list of rules: see rules.h. */
#include "engine/rules.h"

#include <errno.h>
#include <stdatomic.h>

#include "engine/base/pattern.h"
#include "engine/limits.h"
#include "engine/own_channel.h"

static_assert(RULES_MAX <= PATTERNS_MAX, "each rule has a pattern");

struct rules {
    _Atomic unsigned references; /* relaxed up; acq_rel down, so that the last one sees all */
    unsigned count, things;
    struct patterns *patterns;
    struct rule items[]; /* behind those that were given the usual one, and that of our channels */
};

static unsigned things_of(const struct rule *rule, const struct rule *usual)
{
    bool times =
        rule->lifetime_ms != usual->lifetime_ms || rule->idle_timeout_ms != usual->idle_timeout_ms;
    return (times ? RULES_TIMES : 0u) | (rule->subscribers_max ? RULES_SUBSCRIBERS : 0u) |
           (rule->once ? RULES_ONCE : 0u) | (rule->presence ? RULES_PRESENCE : 0u);
}

/* A few events are kept, so that whoever asks for the last one knows how many are there; and long,
 * where there are any. No rule that was given is for them. */
static struct rule rule_of_ours(const struct rule *usual, bool used)
{
    struct rule ours = *usual;
    ours.history_events = PRESENCE_HISTORY_EVENTS;
    if (used && ours.history_age_s < PRESENCE_HISTORY_AGE_S)
        ours.history_age_s = PRESENCE_HISTORY_AGE_S;
    return ours;
}

int rules_new(const char *const *texts, unsigned count, const struct rule *usual,
              struct rules **ret_rules, char *error, size_t error_size)
{
    struct text patterns[RULES_MAX];
    if (count > RULES_MAX) {
        snprintf(error, error_size, "channel is given more than %d times", RULES_MAX);
        return -EINVAL;
    }
    struct rules *rules = malloc(sizeof(*rules) + (count + RULES_OURS) * sizeof(rules->items[0]));
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
    rules->items[count + 1] = rule_of_ours(usual, rules->things & RULES_PRESENCE);
    rules->items[count + 1].index = count + 1;
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
    return &rules->items[channel_is_own(name) ? rules->count + 1
                                              : patterns_find(rules->patterns, name)];
}

unsigned rules_count(const struct rules *rules)
{
    return rules->count;
}

const struct rule *rules_at(const struct rules *rules, unsigned index)
{
    CHECK(index < rules->count + RULES_OURS);
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
