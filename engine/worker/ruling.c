/* SPDX-License-Identifier: MIT */
/* Rules, looked up: see ruling.h. */
#include "engine/worker/ruling.h"

#include "engine/mutation.h"
#include "engine/worker/subscriber.h"

int ruling_make(const struct hub_options *options, struct rules **ret_rules)
{
    struct rule usual = {
        .history_events = options->history_events,
        .history_bytes = options->history_bytes,
        .history_age_s = options->history_age_s,
        .idle_timeout_ms = options->idle_timeout_ms,
        .lifetime_ms = options->lifetime_ms,
    };
    char error[512]; /* whoever gave them has checked them */
    return rules_new(options->rules, options->rule_count, &usual, ret_rules, error, sizeof(error));
}

/* They are in the history of every channel, and take along what is older (source.h): so they are
 * kept as long as a rule keeps anything. */
static void keep_as(struct rule *most, const struct rule *rule)
{
    if (rule->history_events > most->history_events)
        most->history_events = rule->history_events;
    if (rule->history_bytes > most->history_bytes)
        most->history_bytes = rule->history_bytes;
    if (rule->history_age_s > most->history_age_s)
        most->history_age_s = rule->history_age_s;
}

static void add_age(struct worker *worker, uint32_t age_s)
{
    struct ruling *ruling = &worker->ruling;
    for (unsigned i = 0; i < ruling->age_count; i++)
        if (ruling->ages_s[i] == age_s)
            return;
    ruling->ages_s[ruling->age_count++] = age_s;
}

void ruling_change(struct worker *worker, struct rules *rules)
{
    struct ruling *ruling = &worker->ruling;
    rules_unref(ruling->rules);
    ruling->rules = rules;
    ruling->items = rules_at(rules, 0);
    ruling->things = rules_things(rules);
    ruling->number += ruling->number == 0 || !MUTATION(rule_kept);
    ruling->age_count = ruling->age_next = 0;
    ruling->of_all = *rules_at(rules, rules_count(rules));
    for (unsigned i = 0; i < rules_count(rules) + RULES_OURS; i++) {
        add_age(worker, rules_at(rules, i)->history_age_s);
        if (i < rules_count(rules))
            keep_as(&ruling->of_all, rules_at(rules, i));
    }
    channels_walk_anew(&worker->channels, WALK_AGES + ruling->age_count);
}

void ruling_deinit(struct worker *worker)
{
    worker->ruling.rules = rules_unref(worker->ruling.rules);
}

void ruling_look_up(struct worker *worker, struct channel *channel)
{
    struct text name = {channel->name, channel->name_len};
    channel->rule = rules_find(worker->ruling.rules, name)->index;
    channel->rule_list = worker->ruling.number;
}

static struct ruling_times times_of(const struct rule *rule)
{
    return (struct ruling_times){rule->idle_timeout_ms, rule->lifetime_ms};
}

static struct ruling_times times_of_many(struct worker *worker, const struct channel_set *set)
{
    struct ruling_times times = times_of(ruling_of(worker, set->items[0].channel));
    for (uint32_t i = 1; i < set->count; i++) {
        struct ruling_times other = times_of(ruling_of(worker, set->items[i].channel));
        if (other.lifetime_ms && (!times.lifetime_ms || other.lifetime_ms < times.lifetime_ms))
            times.lifetime_ms = other.lifetime_ms;
        if (!other.idle_timeout_ms ||
            (times.idle_timeout_ms && other.idle_timeout_ms > times.idle_timeout_ms))
            times.idle_timeout_ms = other.idle_timeout_ms;
    }
    return times;
}

struct ruling_times ruling_times(struct worker *worker, struct subscriber *subscriber)
{
    const struct ruling *ruling = &worker->ruling;
    if (!(ruling->things & RULES_TIMES))
        return times_of(&ruling->items[rules_count(ruling->rules)]);
    if (!(subscriber->flags & SUBSCRIBER_MANY))
        return times_of(ruling_of(worker, subscriber->channel));
    struct channel_set *set = subscriber->set;
    if (set->rule_list != ruling->number) {
        struct ruling_times times = times_of_many(worker, set);
        set->idle_timeout_ms = times.idle_timeout_ms;
        set->lifetime_ms = times.lifetime_ms;
        set->rule_list = ruling->number;
    }
    return (struct ruling_times){set->idle_timeout_ms, set->lifetime_ms};
}
