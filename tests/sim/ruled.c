/* SPDX-License-Identifier: MIT */
/* See ruled.h. */
#include "tests/sim/ruled.h"

#include "engine/worker/ruling.h"
#include "tests/sim/fail.h"

#define RULES_HERE 4
#define TEXT_ROOM  100

/* One list, with its texts. */
struct list {
    char texts[RULES_HERE][TEXT_ROOM];
    const char *pointers[RULES_HERE];
    unsigned count;
    struct rules *rules;
};

static struct list lists[2]; /* before the reload, and after it */
static unsigned list_count;
static uint64_t reloaded_at; /* the first sequence that was claimed after it */

static const char *const patterns[] = {"news", "=x*", "default", "*quoted*", "l*", "*", "*/*"};
static const char *const keys[] = {"history-events=0", "history-events=1", "history-events=7",
                                   "history-bytes=0",  "history-bytes=2K", "history-age=1",
                                   "history-age=10"};

static const char *one_of(const char *const *texts, size_t count)
{
    return texts[sim_random_below(world->random, count)];
}

#define ONE_OF(texts) one_of(texts, sizeof(texts) / sizeof(texts[0]))

static void list_choose(struct list *list)
{
    list->count = (unsigned)sim_random_below(world->random, RULES_HERE + 1);
    for (unsigned i = 0; i < list->count; i++) {
        const char *key = ONE_OF(keys), *more = ONE_OF(keys);
        bool once = sim_random_one_in(world->random, 3);
        bool alike =
            strcspn(key, "=") == strcspn(more, "=") && memcmp(key, more, strcspn(key, "=")) == 0;
        snprintf(list->texts[i], TEXT_ROOM, "%s %s%s%s", ONE_OF(patterns), once ? "once" : key,
                 once || alike ? "" : " ", once || alike ? "" : more);
        list->pointers[i] = list->texts[i];
        trace("rule: %s", list->texts[i]);
    }
    world->options.rules = list->pointers;
    world->options.rule_count = list->count;
    int r = ruling_make(&world->options, &list->rules);
    CHECK(r == 0);
}

void ruled_choose(void)
{
    list_count = 1;
    if (sim_random_one_in(world->random, 3)) {
        int r = ruling_make(&world->options, &lists[0].rules);
        CHECK(r == 0);
        return;
    }
    list_choose(&lists[0]);
}

void ruled_deinit(void)
{
    for (; list_count > 0; list_count--)
        rules_unref(lists[list_count - 1].rules);
}

void ruled_reload_step(void)
{
    if (list_count == 2 || world->draining || world->depth > 0)
        return;
    trace("other rules");
    list_choose(&lists[list_count++]);
    reloaded_at = hub_next_sequence(world->hub);
    int r = hub_reload(world->hub, &world->options);
    CHECK(r == 0);
}

/* For the events to all the most of each. */
static const struct rule *find_most(const struct list *list)
{
    static struct rule mosts[2];
    struct rule *most = &mosts[list - lists];
    *most = *rules_at(list->rules, rules_count(list->rules));
    for (unsigned i = 0; i < rules_count(list->rules); i++) {
        const struct rule *rule = rules_at(list->rules, i);
        if (rule->history_events > most->history_events)
            most->history_events = rule->history_events;
        if (rule->history_bytes > most->history_bytes)
            most->history_bytes = rule->history_bytes;
        if (rule->history_age_s > most->history_age_s)
            most->history_age_s = rule->history_age_s;
    }
    return most;
}

static const struct rule *find(const struct list *list, unsigned channel)
{
    if (channel == MODEL_ALL)
        return find_most(list);
    return rules_find(list->rules, world->model.channels[channel].name);
}

const struct rule *ruled_now(unsigned channel)
{
    return find(&lists[list_count - 1], channel);
}

uint32_t ruled_age_max(void)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < list_count; i++)
        for (unsigned k = 0; k <= rules_count(lists[i].rules); k++)
            if (rules_at(lists[i].rules, k)->history_age_s > most)
                most = rules_at(lists[i].rules, k)->history_age_s;
    return most;
}

bool ruled_is_over(unsigned channel, uint64_t events, uint64_t bytes, int64_t age_ns)
{
    bool over = false;
    for (unsigned i = 0; i < list_count; i++) {
        const struct rule *rule = find(&lists[i], channel);
        over |= events > rule->history_events || bytes > rule->history_bytes ||
                age_ns > (int64_t)rule->history_age_s * 1000000000;
    }
    return over;
}

static bool allows(const struct rule *rule, uint64_t events, uint64_t bytes)
{
    return events <= rule->history_events && bytes <= rule->history_bytes;
}

bool ruled_may_keep(unsigned number, const struct channel *channel, uint64_t events, uint64_t bytes)
{
    bool may = allows(ruled_now(number), events, bytes);
    bool known = list_count == 1 ||
                 (model_count(&world->model, number, reloaded_at - 1, channel->swept) > 0 &&
                  !channel->watched);
    return may || (!known && allows(find(&lists[0], number), events, bytes));
}
