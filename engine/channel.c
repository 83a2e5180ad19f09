/* SPDX-License-Identifier: MIT */
/* See channel.h. */
#include "engine/channel.h"

#include <errno.h>

#include "engine/mutation.h"

void channels_init(struct channels *channels, const struct hash_key *key)
{
    *channels = (struct channels){.key = key, .most = CHANNELS_MAX, .walk_count = WALK_AGES};
}

static void channel_free(struct channel *channel)
{
    history_deinit(&channel->history);
    free(channel->ending);
    free(channel->members);
    free(channel);
}

void channels_deinit(struct channels *channels)
{
    for (uint32_t i = 0; channels->map.cells && i <= channels->map.mask; i++) {
        if (!channels->map.cells[i].key)
            continue;
        struct channel *channel = (struct channel *)(uintptr_t)channels->map.cells[i].value;
        while (channel) {
            struct channel *next = channel->same_hash;
            CHECK(channel->member_count == 0);
            channel_free(channel);
            channel = next;
        }
    }
    for (struct ending *ending = channels->closed.first; ending;) {
        struct ending *later = ending->later;
        channel_free(ending->channel); /* and this */
        ending = later;
    }
    map_deinit(&channels->map);
    free(channels->list);
    if (channels->all)
        channel_free(channels->all);
    free(channels->dropped);
}

struct channel *channels_of_hash(const struct channels *channels, uint64_t hash)
{
    uint64_t *value = map_find(&channels->map, hash);
    return value ? (struct channel *)(uintptr_t)*value : NULL;
}

struct channel *channels_find(const struct channels *channels, uint64_t hash, struct text name)
{
    struct channel *channel = channels_of_hash(channels, hash);
    while (channel && !text_equals((struct text){channel->name, channel->name_len}, name))
        channel = channel->same_hash;
    return channel;
}

bool channels_wait(const struct channels *channels, uint64_t hash)
{
    struct channel *channel = channels_of_hash(channels, hash);
    while (channel && channel->member_count == channel->behind_count)
        channel = channel->same_hash;
    return channel;
}

static uint64_t dropped_through(const struct channels *channels, uint64_t hash)
{
    const struct dropped *dropped =
        channels->dropped ? &channels->dropped[hash & (DROPPED_REMEMBERED - 1)] : NULL;
    return dropped && dropped->hash == hash && dropped->through > channels->forgotten_through
               ? dropped->through
               : channels->forgotten_through;
}

/* Room in the list for one more. */
static bool list_grow(struct channels *channels)
{
    if (channels->count < channels->list_size)
        return true;
    uint32_t size = channels->list_size ? channels->list_size * 2 : 16;
    struct channel **list = realloc(channels->list, size * sizeof(struct channel *));
    if (!list)
        return false;
    channels->memory += heap_bytes(size * sizeof(struct channel *)) -
                        heap_bytes(channels->list_size * sizeof(struct channel *));
    channels->list = list;
    channels->list_size = size;
    return true;
}

struct channel *channels_make(struct channels *channels, uint64_t hash, struct text name)
{
    struct channel *channel = list_grow(channels) ? calloc(1, sizeof(*channel) + name.len) : NULL;
    size_t before = map_memory(&channels->map);
    if (channel && channels->roll && roll_sign_in(channels->roll, hash) < 0) {
        free(channel);
        return NULL;
    }
    uint64_t *value = channel ? map_insert(&channels->map, hash) : NULL;
    channels->memory += map_memory(&channels->map) - before;
    if (!value) {
        if (channel && channels->roll)
            roll_sign_out(channels->roll, hash);
        free(channel);
        return NULL;
    }
    channel->hash = hash;
    channel->name_len = (uint16_t)name.len;
    memcpy(channel->name, name.at, name.len);
    history_init(&channel->history, dropped_through(channels, hash));
    channel->same_hash = (struct channel *)(uintptr_t)*value;
    *value = (uint64_t)(uintptr_t)channel;
    channel->place = channels->count;
    channel->walked = channels->walk; /* whoever walks now began without it */
    channels->list[channels->count++] = channel;
    channels->memory += heap_bytes(sizeof(*channel) + name.len);
    return channel;
}

struct channel *channels_make_all(struct channels *channels)
{
    if (channels->all)
        return channels->all;
    struct channel *channel = calloc(1, sizeof(*channel));
    if (!channel)
        return NULL;
    channel->hash = channels_hash_of_all(channels->key);
    channel->dirty = true; /* for good: no sweep of its own brings it to anybody */
    history_init(&channel->history, 0);
    channels->memory += heap_bytes(sizeof(*channel));
    return channels->all = channel;
}

static void note_dropped(struct channels *channels, uint64_t hash, uint64_t sequence)
{
    if (sequence <= channels->forgotten_through)
        return;
    if (!channels->dropped) {
        channels->dropped = calloc(DROPPED_REMEMBERED, sizeof(*channels->dropped));
        if (channels->dropped)
            channels->memory += heap_bytes(DROPPED_REMEMBERED * sizeof(*channels->dropped));
    }
    struct dropped *dropped =
        channels->dropped ? &channels->dropped[hash & (DROPPED_REMEMBERED - 1)] : NULL;
    if (!dropped) {
        if (sequence > channels->forgotten_through)
            channels->forgotten_through = sequence;
        return;
    }
    /* What falls out of the table raises the position behind which nobody knows. */
    if (dropped->hash != hash && dropped->through > channels->forgotten_through)
        channels->forgotten_through = dropped->through;
    if (dropped->hash != hash || dropped->through < sequence)
        *dropped = (struct dropped){.hash = hash, .through = sequence};
}

void endings_add(struct endings *endings, struct ending *ending)
{
    ending->later = NULL;
    ending->earlier = endings->last;
    if (endings->last)
        endings->last->later = ending;
    else
        endings->first = ending;
    endings->last = ending;
}

void endings_remove(struct endings *endings, struct ending *ending)
{
    if (ending->earlier)
        ending->earlier->later = ending->later;
    else
        endings->first = ending->later;
    if (ending->later)
        ending->later->earlier = ending->earlier;
    else
        endings->last = ending->earlier;
    ending->earlier = ending->later = NULL;
}

static void unmap(struct channels *channels, const struct channel *channel)
{
    if (channels->roll)
        roll_sign_out(channels->roll, channel->hash);
    uint64_t *value = map_find(&channels->map, channel->hash);
    CHECK(value);
    struct channel *first = (struct channel *)(uintptr_t)*value;
    if (first == channel) {
        *value = (uint64_t)(uintptr_t)channel->same_hash;
    } else {
        while (first->same_hash != channel)
            first = first->same_hash;
        first->same_hash = channel->same_hash;
    }
    size_t before = map_memory(&channels->map);
    if (*value == 0)
        map_remove(&channels->map, channel->hash);
    channels->memory += map_memory(&channels->map) - before;
}

void channels_detach(struct channels *channels, struct channel *channel)
{
    const struct history *history = &channel->history;
    uint64_t through = history_count(history) ? history_at(history, history->end - 1)->sequence
                                              : history->evicted_through;
    if (!MUTATION(close_untold))
        note_dropped(channels, channel->hash, through);
    unmap(channels, channel);
    channel->same_hash = NULL;
    channel->closed = true;
}

void channels_drop(struct channels *channels, struct channel *channel)
{
    CHECK(channel->member_count == 0 && history_count(&channel->history) == 0);
    CHECK(!channel->dirty && !channel->finishing && !channel->ending && !channel->owes);
    channels_untouch(channels, channel);
    if (!MUTATION(drop_forgotten) && !channel->closed)
        note_dropped(channels, channel->hash, channel->history.evicted_through);
    if (!channel->closed)
        unmap(channels, channel);
    channels->memory -= heap_bytes(sizeof(*channel) + channel->name_len) +
                        channel_members_memory(channel) + channel->counted;
    struct channel *last = channels->list[--channels->count];
    channels->list[channel->place] = last;
    last->place = channel->place;
    channel_free(channel);
}

void channels_walk_anew(struct channels *channels, unsigned count)
{
    CHECK(count <= WALKS_MAX);
    for (unsigned i = WALK_AGES; i < count; i++)
        channels->walks[i] = NULL;
    channels->walk_count = count;
}

/* Whoever passed it last has passed the one before it. */
__attribute__((noinline)) static void step_back(struct channels *channels, struct channel *channel)
{
    channel->passed = false;
    for (unsigned i = 0; i < channels->walk_count; i++)
        if (channels->walks[i] == channel) {
            channels->walks[i] = channel->older;
            if (channel->older)
                channel->older->passed = true;
        }
}

void channels_untouch(struct channels *channels, struct channel *channel)
{
    if (!channel->in_order)
        return;
    if (channel->passed)
        step_back(channels, channel);
    if (channel->newer)
        channel->newer->older = channel->older;
    else
        channels->newest = channel->older;
    if (channel->older)
        channel->older->newer = channel->newer;
    else
        channels->oldest = channel->newer;
    channel->newer = channel->older = NULL;
    channel->in_order = false;
}

void channels_renew(struct channels *channels, struct channel *channel)
{
    channels_untouch(channels, channel);
    channel->older = channels->newest;
    if (channels->newest)
        channels->newest->newer = channel;
    else
        channels->oldest = channel;
    channels->newest = channel;
    channel->in_order = true;
}

/* --- members ------------------------------------------------------------------------------- */

int channel_add_member(struct channel *channel, uint32_t subscriber, uint32_t *ret_position)
{
    if (channel->member_count == channel->member_capacity) {
        uint32_t capacity = channel->member_capacity ? channel->member_capacity * 2 : 4;
        uint32_t *members = realloc(channel->members, capacity * sizeof(*members));
        if (!members)
            return -ENOMEM;
        channel->members = members;
        channel->member_capacity = capacity;
    }
    *ret_position = channel->member_count;
    channel->members[channel->member_count++] = subscriber;
    return 0;
}

void channel_remove_member(struct channel *channel, uint32_t position,
                           void (*on_moved)(void *context, struct channel *channel,
                                            uint32_t subscriber, uint32_t position),
                           void *context)
{
    uint32_t *members = channel->members;
    CHECK(position < channel->member_count);
    /* A visited member's place is filled by the last visited one, and only that one's by the last
     * of all, so that nobody changes sides of sweep_next. */
    if (position < channel->sweep_next) {
        uint32_t last_visited = --channel->sweep_next;
        if (position != last_visited) {
            members[position] = members[last_visited];
            on_moved(context, channel, members[position], position);
        }
        position = last_visited;
    }
    uint32_t last = --channel->member_count;
    if (position != last) {
        members[position] = members[last];
        on_moved(context, channel, members[position], position);
    }
}
