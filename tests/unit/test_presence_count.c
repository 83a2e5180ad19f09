/* SPDX-License-Identifier: MIT */
/*
 * What is told of a channel's subscribers, driven in any order: changes, events that find no room,
 * changes while one is published. Held against a model that only counts.
 */
#include <criterion/criterion.h>

#include "engine/limits.h"
#include "net/presence_count.h"

#define MS INT64_C(1000000)

static struct presence_count count;
static int64_t now_ns;

static void set_up(void)
{
    presence_count_init(&count, PRESENCE_EACH_MAX, PRESENCE_WAITING_MAX);
    now_ns = 1;
}

static void tear_down(void)
{
    presence_count_deinit(&count);
    cr_expect_eq(presence_memory(&count), 0);
}

/* The news that must be there now, published. */
static void expect_news(bool joins, bool alone, uint64_t subscriber, uint64_t there)
{
    struct presence_news news;
    int64_t due_ns;
    cr_assert_eq(presence_next(&count, now_ns, &news, &due_ns), PRESENCE_NEWS);
    cr_expect_eq(news.joins, joins);
    cr_expect_eq(news.alone, alone);
    cr_expect(!alone || news.subscriber == subscriber);
    cr_expect_eq(news.there, there, "%u", (unsigned)news.there);
    presence_told(&count, &news, now_ns);
}

static enum presence_step step(int64_t *ret_due_ns)
{
    struct presence_news news;
    return presence_next(&count, now_ns, &news, ret_due_ns);
}

Test(presence_count, each_is_told_of_a_few, .init = set_up, .fini = tear_down)
{
    int64_t due_ns;
    cr_expect(presence_is_over(&count));
    presence_change(&count, true, 1);
    presence_change(&count, true, 2);
    presence_change(&count, false, 1);
    expect_news(true, true, 1, 1);
    expect_news(true, true, 2, 2);
    expect_news(false, true, 1, 1);
    cr_expect_eq(step(&due_ns), PRESENCE_NOTHING);
    cr_expect(!presence_is_over(&count));
    presence_change(&count, false, 2);
    cr_expect(!presence_is_over(&count));
    expect_news(false, true, 2, 0);
    cr_expect_eq(step(&due_ns), PRESENCE_NOTHING);
    cr_expect(presence_is_over(&count));
}

Test(presence_count, a_crowd_is_told_ten_times_a_second, .init = set_up, .fini = tear_down)
{
    int64_t due_ns;
    uint64_t joined = 0;
    for (; joined < PRESENCE_EACH_MAX; joined++) {
        presence_change(&count, true, joined);
        expect_news(true, true, joined, joined + 1);
    }
    for (unsigned i = 0; i < 1000; i++, joined++)
        presence_change(&count, true, joined);
    expect_news(true, false, 0, joined);
    presence_change(&count, false, 5);
    cr_expect_eq(step(&due_ns), PRESENCE_LATER);
    cr_expect_eq(due_ns, now_ns + PRESENCE_EVERY_MS * MS);
    presence_change(&count, true, 6);
    /* The number is what was told: nothing is. */
    cr_expect_eq(step(&due_ns), PRESENCE_NOTHING);
    presence_change(&count, false, 7);
    cr_expect_eq(step(&due_ns), PRESENCE_LATER);
    now_ns = due_ns;
    expect_news(false, false, 0, joined - 1);
    /* In a second of changes there are ten. */
    unsigned told = 0;
    for (unsigned ms = 0; ms < 1000; ms++, now_ns += MS) {
        struct presence_news news;
        presence_change(&count, true, ms);
        if (presence_next(&count, now_ns, &news, &due_ns) == PRESENCE_NEWS) {
            presence_told(&count, &news, now_ns);
            told++;
        }
    }
    cr_expect_leq(told, 10);
    cr_expect_geq(told, 9);
}

Test(presence_count, more_than_may_wait_is_told_together, .init = set_up, .fini = tear_down)
{
    unsigned all = PRESENCE_WAITING_MAX + 10;
    for (unsigned i = 0; i < all; i++)
        presence_change(&count, true, i);
    for (unsigned i = 0; i < PRESENCE_WAITING_MAX; i++)
        expect_news(true, true, i, i + 1);
    expect_news(true, false, 0, all);
}

/* What is gathered while an event of it finds no room. */
Test(presence_count, nothing_is_lost_while_there_is_no_room, .init = set_up, .fini = tear_down)
{
    struct presence_news news;
    int64_t due_ns;
    for (unsigned i = 0; i < PRESENCE_EACH_MAX * 2; i++)
        presence_change(&count, true, i);
    while (presence_next(&count, now_ns, &news, &due_ns) == PRESENCE_NEWS && news.alone)
        presence_told(&count, &news, now_ns);
    cr_expect(!news.alone);
    for (unsigned i = 0; i < PRESENCE_EACH_MAX * 2; i++)
        presence_change(&count, false, i);
    presence_put_off(&count, &news);
    uint64_t last = UINT64_MAX;
    enum presence_step step;
    while ((step = presence_next(&count, now_ns, &news, &due_ns)) != PRESENCE_NOTHING) {
        if (step == PRESENCE_LATER)
            now_ns = due_ns;
        else
            presence_told(&count, &news, now_ns);
        last = news.there;
    }
    cr_expect_eq(last, 0);
    cr_expect(presence_is_over(&count));
}

static unsigned state;

static unsigned any(unsigned most)
{
    state = state * 1103515245 + 12345;
    return (state >> 16) % most;
}

struct model {
    uint64_t there;
    uint64_t told;       /* the last number that was published */
    int64_t gathered_ns; /* when something gathered was told last */
    uint64_t next_alone; /* subscribers are numbered in the order of their changes */
};

static void change_any(struct model *model, uint64_t *number, unsigned most)
{
    bool joins = model->there == 0 || (model->there < most && any(2));
    model->there = joins ? model->there + 1 : model->there - 1;
    presence_change(&count, joins, ++*number);
}

static void publish_any(struct model *model, uint64_t *number, unsigned most, bool room)
{
    struct presence_news news;
    int64_t due_ns = 0;
    switch (presence_next(&count, now_ns, &news, &due_ns)) {
    case PRESENCE_NOTHING:
        cr_assert_eq(model->told, model->there);
        return;
    case PRESENCE_LATER:
        cr_assert_gt(due_ns, now_ns);
        cr_assert_leq(due_ns, now_ns + PRESENCE_EVERY_MS * MS);
        return;
    case PRESENCE_NEWS:
        break;
    }
    cr_assert(!(news.alone && news.there + 1 != model->told && news.there != model->told + 1),
              "%u after %u", (unsigned)news.there, (unsigned)model->told);
    cr_assert_neq(news.there, model->told);
    for (unsigned i = any(3); i > 0; i--) /* while it is published */
        change_any(model, number, most);
    if (!room) {
        presence_put_off(&count, &news);
        return;
    }
    if (news.alone) {
        cr_assert_gt(news.subscriber, model->next_alone);
        model->next_alone = news.subscriber;
    } else {
        cr_assert(model->gathered_ns == 0 || now_ns >= model->gathered_ns + PRESENCE_EVERY_MS * MS);
        model->gathered_ns = now_ns;
        cr_assert_eq(news.joins, news.there > model->told);
    }
    model->told = news.there;
    presence_told(&count, &news, now_ns);
}

Test(presence_count, the_last_number_is_right_in_any_order, .init = set_up)
{
    for (unsigned seed = 1; seed <= 3000; seed++) {
        state = seed;
        presence_count_init(&count, PRESENCE_EACH_MAX, PRESENCE_WAITING_MAX);
        now_ns = 1;
        struct model model = {.there = 0};
        uint64_t number = 0;
        static const unsigned sizes[] = {1, 3, PRESENCE_EACH_MAX, PRESENCE_EACH_MAX + 20, 400};
        unsigned most = sizes[any(5)], room = any(3), steps = 100 + any(1500);
        for (unsigned i = 0; i < steps; i++) {
            if (any(3))
                change_any(&model, &number, most);
            else
                publish_any(&model, &number, most, any(4) >= room);
            now_ns += any(20) ? any(3) * MS / 4 : 60 * MS;
        }
        /* All is quiet, and there is room. */
        struct presence_news news;
        int64_t due_ns;
        enum presence_step step;
        while ((step = presence_next(&count, now_ns, &news, &due_ns)) != PRESENCE_NOTHING) {
            if (step == PRESENCE_LATER) {
                now_ns = due_ns;
                continue;
            }
            presence_told(&count, &news, now_ns);
            model.told = news.there;
        }
        cr_assert_eq(model.told, model.there, "seed %u: told %u, there are %u", seed,
                     (unsigned)model.told, (unsigned)model.there);
        cr_assert_eq(count.there, model.there);
        cr_assert_eq(presence_memory(&count), 0);
    }
}
