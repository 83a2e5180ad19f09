/* SPDX-License-Identifier: MIT */
/* The ring of ended streams: see closes.h. */
#include "engine/closes.h"

struct closes *closes_new(void)
{
    struct closes *closes = calloc(1, sizeof(*closes));
    if (!closes)
        return NULL;
    pthread_mutex_init(&closes->lock, NULL);
    closes->ring = calloc(CLOSES_REMEMBERED, sizeof(*closes->ring));
    return closes->ring ? closes : closes_free(closes);
}

struct closes *closes_free(struct closes *closes)
{
    if (!closes)
        return NULL;
    pthread_mutex_destroy(&closes->lock);
    map_deinit(&closes->by_id);
    free(closes->ring);
    free(closes);
    return NULL;
}

/* A map takes hashes, and ids are alike in most of their bits: mixed by two odd factors, each of
 * which can be undone, so that no two ids become one. */
static uint64_t key_of(uint64_t id)
{
    id *= UINT64_C(0x9e3779b97f4a7c15);
    id ^= id >> 32;
    return id * UINT64_C(0xd6e8feb86659fd93);
}

void closes_note(struct closes *closes, const struct close_record *record)
{
    pthread_mutex_lock(&closes->lock);
    uint64_t place = closes->count++ % CLOSES_REMEMBERED;
    struct close_record *slot = &closes->ring[place];
    if (slot->id)
        map_remove(&closes->by_id, key_of(slot->id));
    *slot = *record;
    uint64_t *value = map_insert(&closes->by_id, key_of(record->id));
    if (value) /* else nobody will find it */
        *value = place + 1;
    pthread_mutex_unlock(&closes->lock);
}

bool closes_find(struct closes *closes, uint64_t id, struct close_record *ret_record)
{
    pthread_mutex_lock(&closes->lock);
    uint64_t *value = map_find(&closes->by_id, key_of(id));
    bool found = value && *value && closes->ring[*value - 1].id == id;
    if (found)
        *ret_record = closes->ring[*value - 1];
    pthread_mutex_unlock(&closes->lock);
    return found;
}
