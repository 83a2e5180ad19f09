/* SPDX-License-Identifier: MIT */
/*
 * Answers of the application that hold for some seconds: each under the whole of what was asked, of
 * which only a hash is kept (who asks is in there: a credential).
 *
 * One for each acceptor, whose thread it belongs to. Answers lie in the order in which they came,
 * which is also the order in which they are over, so the oldest go first where there is no room
 * (HOOK_CACHE_BYTES_MAX).
 */
#pragma once

#include "engine/base/hash.h"
#include "engine/base/list.h"
#include "engine/base/map.h"
#include "net/hook/hook_answer.h"

struct hook_cache {
    struct map by_hash; /* struct hook_entry *, by the beginning of its hash */
    struct link order;
    size_t bytes; /* of all entries; the map comes to a fraction of it */
};

void hook_cache_init(struct hook_cache *cache);
void hook_cache_deinit(struct hook_cache *cache);

/* An answer that came at `since_ns` or later; borrowed until the cache changes. NULL: none. */
struct hook_answer *hook_cache_find(const struct hook_cache *cache, const struct hash_wide *hash,
                                    int64_t since_ns);
/* Takes a reference of its own. Without memory nothing is kept. */
void hook_cache_add(struct hook_cache *cache, const struct hash_wide *hash,
                    struct hook_answer *answer, int64_t now_ns);
/* Whatever came before this goes. */
void hook_cache_expire(struct hook_cache *cache, int64_t since_ns);
