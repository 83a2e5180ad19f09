/* SPDX-License-Identifier: MIT */
/* The table of identities, and the ways through it: see identity.h. */
#include "engine/worker/identity.h"

#include <errno.h>
#include <sys/mman.h>

#include "engine/mutation.h"

/* --- the tables ------------------------------------------------------------------------------ */

static size_t table_bytes(const struct worker *worker)
{
    return worker->options->sockets * sizeof(struct identity);
}

/* A power of two: as many as there may be streams, or the next one. */
static uint32_t bucket_count(const struct worker *worker)
{
    uint32_t count = 1;
    while (count < worker->options->sockets)
        count *= 2;
    return count;
}

static void *reserve(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

int identities_init(struct worker *worker)
{
    struct identities *identities = &worker->identities;
    *identities = (struct identities){.oldest = IDENTITY_NONE, .newest = IDENTITY_NONE};
    if (!worker->options->hub.subscriber_ids)
        return 0;
    identities->bucket_count = bucket_count(worker);
    identities->buckets = reserve(identities->bucket_count * sizeof(uint32_t));
    identities->of = reserve(table_bytes(worker));
    return identities->buckets && identities->of ? 0 : -ENOMEM;
}

void identities_deinit(struct worker *worker)
{
    struct identities *identities = &worker->identities;
    if (identities->buckets)
        munmap(identities->buckets, identities->bucket_count * sizeof(uint32_t));
    if (identities->of)
        munmap(identities->of, table_bytes(worker));
}

/* --- by id ----------------------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct identities *identities, uint64_t id)
{
    return &identities->buckets[subscriber_id_number(id) & (identities->bucket_count - 1)];
}

uint32_t identity_find(const struct worker *worker, uint64_t id)
{
    const struct identities *identities = &worker->identities;
    if (!identities->of || id == 0)
        return IDENTITY_NONE;
    uint32_t at = *bucket_of(identities, id);
    while (at && identities->of[at - 1].id != id)
        at = identities->of[at - 1].next;
    return at - 1; /* without one: IDENTITY_NONE */
}

static void unlink_bucket(struct identities *identities, uint32_t index)
{
    uint32_t *link = bucket_of(identities, identities->of[index].id);
    while (*link != index + 1)
        link = &identities->of[*link - 1].next;
    *link = identities->of[index].next;
}

/* --- in order -------------------------------------------------------------------------------- */

/* The newest one whose id is below this one. */
static uint32_t find_older(const struct worker *worker, uint64_t id)
{
    const struct identities *identities = &worker->identities;
    uint32_t at = identities->newest;
    uint64_t number = subscriber_id_number(id);
    while (at != IDENTITY_NONE && identities->of[at].id > id && !MUTATION(id_unordered)) {
        uint32_t near = IDENTITY_NONE;
        if (number > 0)
            near = identity_find(worker, subscriber_id_of(worker->index, --number));
        at = near != IDENTITY_NONE ? near : identities->of[at].older;
    }
    return at;
}

/* What follows one of them; of none, the first. */
static uint32_t *newer_of(struct identities *identities, uint32_t index)
{
    return index == IDENTITY_NONE ? &identities->oldest : &identities->of[index].newer;
}

static uint32_t *older_of(struct identities *identities, uint32_t index)
{
    return index == IDENTITY_NONE ? &identities->newest : &identities->of[index].older;
}

void identity_begin(struct worker *worker, uint32_t index, uint64_t id, struct text peer)
{
    struct identities *identities = &worker->identities;
    uint32_t *bucket = bucket_of(identities, id);
    uint32_t older = find_older(worker, id), newer = *newer_of(identities, older);
    identities->of[index] = (struct identity){
        .id = id, .older = older, .newer = newer, .next = *bucket, .peer_len = (uint8_t)peer.len};
    if (peer.len)
        memcpy(identities->of[index].peer, peer.at, peer.len);
    *bucket = index + 1;
    *newer_of(identities, older) = *older_of(identities, newer) = index;
}

void identity_end(struct worker *worker, uint32_t index)
{
    struct identities *identities = &worker->identities;
    struct identity *identity = &identities->of[index];
    unlink_bucket(identities, index);
    *newer_of(identities, identity->older) = identity->newer;
    *older_of(identities, identity->newer) = identity->older;
    if (identities->walk.next == index)
        identities->walk.next = identity->newer;
    identity->id = 0;
}

void identity_lags(struct worker *worker, uint32_t index)
{
    struct identity *identity = identity_of(worker, index);
    if (identity)
        identity->lagging_ms = worker_ms(worker);
}

/* --- one after the other --------------------------------------------------------------------- */

void identity_walk_begin(struct worker *worker, uint64_t after)
{
    worker->identities.walk = (struct identity_walk){
        .next = worker->identities.oldest, .after = after, .number = subscriber_id_number(after)};
}

bool identity_walk(struct worker *worker, struct slice *slice, uint32_t *ret_index)
{
    struct identities *identities = &worker->identities;
    struct identity_walk *walk = &identities->walk;
    for (;;) {
        if (slice_is_spent(worker, slice))
            return false;
        if (walk->next == IDENTITY_NONE || identities->of[walk->next].id > walk->after)
            break;
        uint32_t near = IDENTITY_NONE;
        if (walk->number > 0)
            near = identity_find(worker, subscriber_id_of(worker->index, walk->number--));
        if (near != IDENTITY_NONE) {
            walk->number = 0; /* from there on by the list */
            walk->next = near;
        }
        walk->next = identities->of[walk->next].newer;
    }
    *ret_index = walk->next;
    return true;
}

void identity_walk_on(struct worker *worker)
{
    struct identities *identities = &worker->identities;
    identities->walk.next = identities->of[identities->walk.next].newer;
}
