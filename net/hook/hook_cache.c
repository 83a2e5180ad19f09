/* SPDX-License-Identifier: MIT */
/* Answers that hold for a while: see hook_cache.h. */
#include "net/hook/hook_cache.h"

#include "engine/limits.h"

struct hook_entry {
    struct link order;
    struct hash_wide hash;
    struct hook_answer *answer;
    int64_t since_ns;
};

static uint64_t key_of(const struct hash_wide *hash)
{
    uint64_t key;
    memcpy(&key, hash->bytes, sizeof(key));
    return key;
}

static size_t entry_bytes(const struct hook_entry *entry)
{
    return heap_bytes(sizeof(*entry)) + heap_bytes(entry->answer->bytes) +
           2 * sizeof(struct map_cell);
}

static struct hook_entry *oldest(const struct hook_cache *cache)
{
    return list_is_empty(&cache->order) ? NULL
                                        : LINK_OWNER(cache->order.next, struct hook_entry, order);
}

static void drop(struct hook_cache *cache, struct hook_entry *entry)
{
    cache->bytes -= entry_bytes(entry);
    list_remove(&entry->order);
    map_remove(&cache->by_hash, key_of(&entry->hash));
    hook_answer_unref(entry->answer);
    free(entry);
}

static struct hook_entry *entry_of(const struct hook_cache *cache, uint64_t key)
{
    const uint64_t *place = map_find(&cache->by_hash, key);
    return place ? (struct hook_entry *)(uintptr_t)*place : NULL;
}

void hook_cache_init(struct hook_cache *cache)
{
    *cache = (struct hook_cache){.bytes = 0};
    list_init(&cache->order);
}

void hook_cache_deinit(struct hook_cache *cache)
{
    hook_cache_expire(cache, INT64_MAX);
    map_deinit(&cache->by_hash);
}

struct hook_answer *hook_cache_find(const struct hook_cache *cache, const struct hash_wide *hash,
                                    int64_t since_ns)
{
    const struct hook_entry *entry = entry_of(cache, key_of(hash));
    if (!entry || entry->since_ns < since_ns ||
        memcmp(entry->hash.bytes, hash->bytes, sizeof(hash->bytes)) != 0)
        return NULL;
    return entry->answer;
}

void hook_cache_add(struct hook_cache *cache, const struct hash_wide *hash,
                    struct hook_answer *answer, int64_t now_ns)
{
    struct hook_entry *before = entry_of(cache, key_of(hash));
    if (before)
        drop(cache, before);
    struct hook_entry *entry = calloc(1, sizeof(*entry));
    uint64_t *place = entry ? map_insert(&cache->by_hash, key_of(hash)) : NULL;
    if (!place) {
        free(entry);
        return;
    }
    *place = (uint64_t)(uintptr_t)entry;
    entry->hash = *hash;
    entry->answer = hook_answer_ref(answer);
    entry->since_ns = now_ns;
    list_add(&cache->order, &entry->order);
    cache->bytes += entry_bytes(entry);
    while (cache->bytes > HOOK_CACHE_BYTES_MAX)
        drop(cache, oldest(cache));
}

void hook_cache_expire(struct hook_cache *cache, int64_t since_ns)
{
    struct hook_entry *entry;
    while ((entry = oldest(cache)) && entry->since_ns < since_ns)
        drop(cache, entry);
}
