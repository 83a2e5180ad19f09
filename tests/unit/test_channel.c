/* SPDX-License-Identifier: MIT */
/* Channels: members that come and go under a sweep, records dropped and made again, collisions. */
#include <criterion/criterion.h>

#include "engine/channel.h"
#include "engine_frames.h"

#define PEOPLE 64u

static const struct hash_key key = {{9, 8, 7}};

/* --- members ------------------------------------------------------------------------------- */

struct crowd {
    struct channel *channel;
    bool member[PEOPLE];
    bool was_here[PEOPLE]; /* when the sweep began, and ever since */
    uint32_t visits[PEOPLE];
    uint32_t position[PEOPLE];
    uint64_t random;
};

static uint32_t random_below(struct crowd *crowd, uint32_t below)
{
    crowd->random = crowd->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(crowd->random >> 33) % below;
}

static void on_moved(void *context, struct channel *channel, uint32_t person, uint32_t position)
{
    struct crowd *crowd = context;
    cr_assert_eq(channel, crowd->channel);
    cr_assert(crowd->member[person], "only a member is moved");
    crowd->position[person] = position;
}

static void come_or_go(struct crowd *crowd, uint32_t person)
{
    if (crowd->member[person]) {
        crowd->member[person] = crowd->was_here[person] = false;
        channel_remove_member(crowd->channel, crowd->position[person], on_moved, crowd);
    } else {
        crowd->member[person] = true;
        crowd->visits[person] = 0;
        cr_assert_eq(channel_add_member(crowd->channel, person, &crowd->position[person]), 0);
    }
}

static void expect_sound(const struct crowd *crowd)
{
    const struct channel *channel = crowd->channel;
    uint32_t count = 0;
    for (uint32_t person = 0; person < PEOPLE; person++) {
        count += crowd->member[person];
        if (crowd->member[person])
            cr_assert_eq(channel->members[crowd->position[person]], person);
    }
    cr_assert_eq(channel->member_count, count);
    cr_assert_leq(channel->sweep_next, count);
    for (uint32_t i = 0; i < count; i++)
        if (crowd->was_here[channel->members[i]])
            cr_assert_eq(crowd->visits[channel->members[i]], i < channel->sweep_next,
                         "visited are exactly those before sweep_next");
}

static void sweep(struct crowd *crowd)
{
    struct channel *channel = crowd->channel;
    channel->sweep_next = 0;
    for (uint32_t person = 0; person < PEOPLE; person++) {
        crowd->was_here[person] = crowd->member[person];
        crowd->visits[person] = 0;
    }
    uint32_t unrest = random_below(crowd, 6);
    while (channel->sweep_next < channel->member_count) {
        uint32_t person = channel->members[channel->sweep_next++];
        cr_assert(crowd->member[person]);
        crowd->visits[person]++;
        for (uint32_t i = 0; i < unrest && random_below(crowd, 3) == 0; i++) {
            come_or_go(crowd, random_below(crowd, PEOPLE));
            expect_sound(crowd);
        }
    }
    for (uint32_t person = 0; person < PEOPLE; person++) {
        if (crowd->was_here[person])
            cr_assert_eq(crowd->visits[person], 1, "nobody is missed, nobody is repeated");
        if (crowd->member[person])
            cr_assert_leq(crowd->visits[person], 1, "nor is who came meanwhile");
    }
    channel->sweep_next = 0;
    memset(crowd->was_here, 0, sizeof(crowd->was_here));
}

Test(channel, a_sweep_misses_and_repeats_nobody)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct channels channels;
        channels_init(&channels, &key);
        struct crowd crowd = {.channel = channels_make(&channels, 1, TEXT("c")), .random = seed};
        for (uint32_t i = 0; i < PEOPLE; i++)
            come_or_go(&crowd, random_below(&crowd, PEOPLE));
        for (int i = 0; i < 100; i++) {
            sweep(&crowd);
            come_or_go(&crowd, random_below(&crowd, PEOPLE));
            expect_sound(&crowd);
        }
        for (uint32_t person = 0; person < PEOPLE; person++)
            if (crowd.member[person])
                come_or_go(&crowd, person);
        cr_expect_eq(crowd.channel->member_count, 0);
        channels_deinit(&channels);
    }
}

/* --- records ------------------------------------------------------------------------------- */

static struct channel *make_evicted(struct channels *channels, uint64_t hash, struct text name,
                                    uint64_t sequence)
{
    struct channel *channel = channels_make(channels, hash, name);
    cr_assert(channel);
    cr_assert_eq(history_add(&channel->history, &key, frame_make(hash, "", sequence)), 0);
    frame_unref(history_evict(&channel->history, &key));
    return channel;
}

static uint64_t fresh_evicted_through(struct channels *channels, uint64_t hash)
{
    struct channel *channel = channels_make(channels, hash, TEXT("fresh"));
    cr_assert(channel);
    uint64_t through = channel->history.evicted_through;
    cr_expect_eq(channel->history.remembered_after, through);
    channels_drop(channels, channel);
    return through;
}

Test(channel, a_dropped_record_is_remembered)
{
    struct channels channels;
    channels_init(&channels, &key);
    cr_expect_eq(fresh_evicted_through(&channels, 5), 0);
    channels_drop(&channels, make_evicted(&channels, 5, TEXT("a"), 10));
    cr_expect_eq(channels.count, 0);
    cr_expect_null(channels_find(&channels, 5, TEXT("a")));
    cr_expect_eq(fresh_evicted_through(&channels, 5), 10);
    cr_expect_eq(fresh_evicted_through(&channels, 6), 0, "others know nothing of it");
    cr_expect_eq(fresh_evicted_through(&channels, 5), 10, "also after it was empty once");
    cr_expect_eq(channels.forgotten_through, 0);
    channels_deinit(&channels);
}

Test(channel, what_falls_out_of_the_table_is_forgotten_for_all)
{
    struct channels channels;
    channels_init(&channels, &key);
    channels_drop(&channels, make_evicted(&channels, 5, TEXT("a"), 10));
    channels_drop(&channels, make_evicted(&channels, 5 + DROPPED_REMEMBERED, TEXT("b"), 20));
    cr_expect_eq(channels.forgotten_through, 10);
    cr_expect_eq(fresh_evicted_through(&channels, 5), 10);
    cr_expect_eq(fresh_evicted_through(&channels, 5 + DROPPED_REMEMBERED), 20);
    cr_expect_eq(fresh_evicted_through(&channels, 77), 10, "nobody knows whether it lost anything");
    channels_drop(&channels, make_evicted(&channels, 5, TEXT("a"), 30));
    cr_expect_eq(channels.forgotten_through, 20);
    cr_expect_eq(fresh_evicted_through(&channels, 5), 30);
    channels_deinit(&channels);
}

Test(channel, names_with_the_same_hash_live_side_by_side)
{
    static const struct text names[] = {TEXT_INIT("a"), TEXT_INIT("b"), TEXT_INIT("c")};
    for (int gone = 0; gone < 3; gone++) {
        struct channels channels;
        struct channel *made[3];
        channels_init(&channels, &key);
        for (int i = 0; i < 3; i++)
            made[i] = channels_make(&channels, 42, names[i]);
        for (int i = 0; i < 3; i++)
            cr_expect_eq(channels_find(&channels, 42, names[i]), made[i]);
        cr_expect_null(channels_find(&channels, 42, TEXT("d")));
        channels_drop(&channels, made[gone]);
        for (int i = 0; i < 3; i++)
            cr_expect_eq(channels_find(&channels, 42, names[i]), i == gone ? NULL : made[i]);
        cr_expect_eq(channels.count, 2);
        for (int i = 0; i < 3; i++)
            if (i != gone)
                channels_drop(&channels, made[i]);
        cr_expect_eq(channels.map.count, 0);
        channels_deinit(&channels);
    }
}

/* --- order by latest publish ------------------------------------------------------------------ */

static void expect_order(const struct channels *channels, const char *names)
{
    size_t len = strlen(names);
    const struct channel *channel = channels->oldest;
    for (size_t i = 0; i < len; i++, channel = channel->newer) {
        cr_assert(channel, "%s", names);
        cr_assert_eq(channel->name[0], names[i], "%s", names);
        cr_assert_eq(channel->newer == NULL, i + 1 == len);
        cr_assert_eq(channel->older == NULL, i == 0);
        cr_assert(channel->in_order);
    }
    cr_expect_null(channel);
    cr_expect_eq(channels->newest == NULL, len == 0);
    if (len)
        cr_expect_eq(channels->newest->name[0], names[len - 1]);
}

Test(channel, order_of_latest_publish)
{
    struct channels channels;
    channels_init(&channels, &key);
    struct channel *a = channels_make(&channels, 1, TEXT("a"));
    struct channel *b = channels_make(&channels, 2, TEXT("b"));
    struct channel *c = channels_make(&channels, 3, TEXT("c"));
    expect_order(&channels, "");
    channels_untouch(&channels, a);
    channels_touch(&channels, a);
    expect_order(&channels, "a");
    channels_touch(&channels, b);
    channels_touch(&channels, c);
    expect_order(&channels, "abc");
    channels_touch(&channels, c);
    expect_order(&channels, "abc");
    channels_touch(&channels, a);
    expect_order(&channels, "bca");
    channels_touch(&channels, c);
    expect_order(&channels, "bac");
    channels_untouch(&channels, a);
    expect_order(&channels, "bc");
    channels_drop(&channels, c);
    expect_order(&channels, "b");
    channels_touch(&channels, a);
    channels_untouch(&channels, b);
    expect_order(&channels, "a");
    channels_untouch(&channels, a);
    expect_order(&channels, "");
    channels_deinit(&channels);
}
