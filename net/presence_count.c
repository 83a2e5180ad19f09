/* SPDX-License-Identifier: MIT */
/* Changes that wait, and those that are told together: see presence_count.h. */
#include "net/presence_count.h"

#include "engine/base/heap.h"
#include "engine/limits.h"
#include "engine/mutation.h"

struct presence_change {
    struct presence_change *next;
    uint64_t subscriber;
    uint64_t there; /* after it */
    bool joins;
};

void presence_count_init(struct presence_count *count, uint32_t each_max, uint32_t waiting_max)
{
    *count = (struct presence_count){.each_max = each_max, .waiting_max = waiting_max};
}

static bool is_told_alone(const struct presence_count *count, uint64_t before)
{
    uint64_t least = before < count->there ? before : count->there;
    return !count->gathered && least < count->each_max && count->waiting < count->waiting_max;
}

void presence_change(struct presence_count *count, bool joins, uint64_t subscriber)
{
    uint64_t before = count->there;
    CHECK(joins || before > 0);
    count->there = joins ? before + 1 : before - 1;
    struct presence_change *change = is_told_alone(count, before) ? malloc(sizeof(*change)) : NULL;
    if (!change) {
        count->gathered = true;
        return;
    }
    *change =
        (struct presence_change){.subscriber = subscriber, .there = count->there, .joins = joins};
    if (count->last)
        count->last->next = change;
    else
        count->first = change;
    count->last = change;
    count->waiting++;
}

enum presence_step presence_next(struct presence_count *count, int64_t now_ns,
                                 struct presence_news *ret_news, int64_t *ret_due_ns)
{
    const struct presence_change *first = count->first;
    if (count->has_held) {
        *ret_news = count->held;
        count->has_held = false;
        return PRESENCE_NEWS;
    }
    if (first) {
        *ret_news = (struct presence_news){.joins = first->joins,
                                           .alone = true,
                                           .subscriber = first->subscriber,
                                           .there = first->there};
        return PRESENCE_NEWS;
    }
    if (count->gathered && count->there == count->told)
        count->gathered = false; /* who came has gone */
    if (!count->gathered)
        return PRESENCE_NOTHING;
    int64_t due_ns = count->told_ns + PRESENCE_EVERY_MS * INT64_C(1000000);
    if (count->told_before && now_ns < due_ns) {
        *ret_due_ns = due_ns;
        return PRESENCE_LATER;
    }
    /* What changes from here on is not in it. */
    count->gathered = false;
    *ret_news = (struct presence_news){.joins = count->there > count->told, .there = count->there};
    return PRESENCE_NEWS;
}

void presence_told(struct presence_count *count, const struct presence_news *news, int64_t now_ns)
{
    count->told = news->there;
    if (!news->alone) {
        count->told_ns = now_ns;
        count->told_before = true;
        return;
    }
    struct presence_change *first = count->first;
    count->first = first->next;
    if (!count->first)
        count->last = NULL;
    count->waiting--;
    free(first);
}

void presence_put_off(struct presence_count *count, const struct presence_news *news)
{
    if (news->alone || MUTATION(presence_forgets))
        return; /* of one that is told alone the change is still the first */
    count->held = *news;
    count->has_held = true;
}

bool presence_has_news(const struct presence_count *count)
{
    return count->has_held || count->first || count->gathered;
}

bool presence_is_over(const struct presence_count *count)
{
    return count->there == 0 && count->told == 0 && !presence_has_news(count);
}

size_t presence_memory(const struct presence_count *count)
{
    return count->waiting * heap_bytes(sizeof(struct presence_change));
}

void presence_count_deinit(struct presence_count *count)
{
    while (count->first) {
        struct presence_change *next = count->first->next;
        free(count->first);
        count->first = next;
    }
    count->last = NULL;
    count->waiting = 0;
}
