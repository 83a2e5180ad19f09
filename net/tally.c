/* SPDX-License-Identifier: MIT */
/* Counts by name in parts with a lock each: see tally.h. */
#include "net/tally.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/random.h>

#include "engine/base/hash.h"
#include "engine/base/map.h"

#define PART_BITS       6
#define PARTS           (1u << PART_BITS)
#define PART_TELL_BYTES 4096 /* what a part may hold more or less than the hub knows */

struct part {
    alignas(64) pthread_mutex_t lock;
    struct map counts;
    size_t seat_bytes; /* of seats whose first name is here */
    size_t told_bytes; /* of all of it, to the hub */
};

struct tally {
    struct hub *hub;
    struct hash_key keys[TALLY_KINDS]; /* one each, so that a channel is no address */
    _Atomic unsigned references;       /* relaxed up; acq_rel down, so that the last one sees all */
    struct part parts[PARTS];
};

struct tally_seat {
    struct seat seat; /* first */
    struct tally *tally;
    unsigned room, count;
    uint64_t names[];
};

struct tally *tally_new(struct hub *hub)
{
    struct tally *tally = aligned_alloc(alignof(struct tally), sizeof(*tally));
    if (!tally)
        return NULL;
    memset(tally, 0, sizeof(*tally));
    tally->hub = hub;
    atomic_init(&tally->references, 1);
    CHECK(getrandom(tally->keys, sizeof(tally->keys), 0) == sizeof(tally->keys));
    for (unsigned i = 0; i < PARTS; i++)
        pthread_mutex_init(&tally->parts[i].lock, NULL);
    return tally;
}

struct tally *tally_unref(struct tally *tally)
{
    if (!tally || atomic_fetch_sub_explicit(&tally->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    for (unsigned i = 0; i < PARTS; i++) {
        struct part *part = &tally->parts[i];
        if (part->told_bytes)
            hub_count_memory(tally->hub, -(int64_t)part->told_bytes);
        map_deinit(&part->counts);
        pthread_mutex_destroy(&part->lock);
    }
    free(tally);
    return NULL;
}

/* The map takes its places from the low bits. */
static struct part *part_of(struct tally *tally, uint64_t name)
{
    return &tally->parts[name >> (64 - PART_BITS)];
}

/* With the lock held. */
static void tell(struct tally *tally, struct part *part)
{
    size_t now = map_memory(&part->counts) + part->seat_bytes;
    size_t apart = now > part->told_bytes ? now - part->told_bytes : part->told_bytes - now;
    if (apart < PART_TELL_BYTES)
        return;
    hub_count_memory(tally->hub, (int64_t)now - (int64_t)part->told_bytes);
    part->told_bytes = now;
}

/* --- seats ----------------------------------------------------------------------------------- */

static size_t seat_bytes(const struct tally_seat *seat)
{
    return heap_bytes(sizeof(*seat) + seat->room * sizeof(seat->names[0]));
}

/* One of the seat's names. */
static void give_back(const struct tally_seat *seat, unsigned at)
{
    struct part *part = part_of(seat->tally, seat->names[at]);
    pthread_mutex_lock(&part->lock);
    uint64_t *count = map_find(&part->counts, seat->names[at]);
    CHECK(count && *count > 0);
    if (--*count == 0)
        map_remove(&part->counts, seat->names[at]);
    part->seat_bytes -= at == 0 ? seat_bytes(seat) : 0;
    tell(seat->tally, part);
    pthread_mutex_unlock(&part->lock);
}

static void leave(struct seat *base, const struct seat_end *end)
{
    (void)end;
    struct tally_seat *seat = (struct tally_seat *)base;
    struct tally *tally = seat->tally;
    for (unsigned i = 0; i < seat->count; i++)
        give_back(seat, i);
    free(seat);
    tally_unref(tally);
}

/* What was taken for the channel is free, and nothing else. What the seat takes in memory is
 * counted with its first name. */
static void closed(struct seat *base, struct text channel)
{
    struct tally_seat *seat = (struct tally_seat *)base;
    struct tally *tally = seat->tally;
    uint64_t hash = hash_text(&tally->keys[TALLY_CHANNEL], channel);
    unsigned at = 0;
    while (at < seat->count && seat->names[at] != hash)
        at++;
    if (at == seat->count)
        return;
    give_back(seat, at);
    seat->names[at] = seat->names[--seat->count];
    if (at > 0 || seat->count == 0)
        return;
    struct part *part = part_of(tally, seat->names[0]);
    pthread_mutex_lock(&part->lock);
    part->seat_bytes += seat_bytes(seat);
    tell(tally, part);
    pthread_mutex_unlock(&part->lock);
}

int tally_seat_new(struct tally *tally, unsigned room, struct tally_seat **ret_seat)
{
    size_t bytes = sizeof(struct tally_seat) + room * sizeof(uint64_t);
    if (!hub_connections_may_hold(tally->hub, bytes + room * 2 * sizeof(struct map_cell), false))
        return HUB_NO_MEMORY;
    struct tally_seat *seat = malloc(bytes);
    if (!seat)
        return -ENOMEM;
    *seat = (struct tally_seat){
        .seat = {.leave = leave, .closed = closed}, .tally = tally, .room = room};
    atomic_fetch_add_explicit(&tally->references, 1, memory_order_relaxed);
    *ret_seat = seat;
    return 0;
}

struct seat *tally_seat_of(struct tally_seat *seat)
{
    return &seat->seat;
}

int tally_take(struct tally_seat *seat, enum tally_kind kind, struct text name, uint32_t most)
{
    struct tally *tally = seat->tally;
    CHECK(seat->count < seat->room && most > 0);
    uint64_t hash = hash_text(&tally->keys[kind], name);
    struct part *part = part_of(tally, hash);
    pthread_mutex_lock(&part->lock);
    uint64_t *count = map_insert(&part->counts, hash);
    int r = !count ? -ENOMEM : *count >= most ? TALLY_FULL : 0;
    if (!r) {
        ++*count;
        part->seat_bytes += seat->count == 0 ? seat_bytes(seat) : 0;
        seat->names[seat->count++] = hash;
    }
    tell(tally, part);
    pthread_mutex_unlock(&part->lock);
    return r;
}

uint64_t tally_count(struct tally *tally, enum tally_kind kind, struct text name)
{
    uint64_t hash = hash_text(&tally->keys[kind], name);
    struct part *part = part_of(tally, hash);
    pthread_mutex_lock(&part->lock);
    const uint64_t *count = map_find(&part->counts, hash);
    uint64_t has = count ? *count : 0;
    pthread_mutex_unlock(&part->lock);
    return has;
}

uint64_t tally_names(struct tally *tally)
{
    uint64_t names = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        pthread_mutex_lock(&tally->parts[i].lock);
        names += tally->parts[i].counts.count;
        pthread_mutex_unlock(&tally->parts[i].lock);
    }
    return names;
}
