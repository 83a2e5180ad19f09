/* SPDX-License-Identifier: MIT */
/* Token buckets by address: see connect_rate.h. */
#include "net/connect_rate.h"

#include <pthread.h>
#include <stdalign.h>
#include <sys/random.h>

#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/limits.h"

#define WAYS  8
#define SETS  (RATE_ADDRESSES / WAYS)
#define LOCKS 64

static_assert((SETS & (SETS - 1)) == 0 && SETS % LOCKS == 0, "found by mask");

struct bucket {
    uint64_t name;  /* hash of the address; 0: free */
    uint32_t at_ms; /* when it had these tokens; wraps after 49 days */
    uint32_t milli; /* thousandths of tokens */
};

struct set {
    alignas(64) struct bucket ways[WAYS];
};

struct connect_rate {
    struct hash_key key; /* so that nobody can choose addresses that share a set */
    struct {
        alignas(64) pthread_mutex_t lock;
    } locks[LOCKS];
    struct set sets[SETS];
};

struct connect_rate *connect_rate_new(void)
{
    struct connect_rate *rate = aligned_alloc(alignof(struct connect_rate), sizeof(*rate));
    if (!rate)
        return NULL;
    memset(rate, 0, sizeof(*rate));
    CHECK(getrandom(&rate->key, sizeof(rate->key), 0) == sizeof(rate->key));
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_init(&rate->locks[i].lock, NULL);
    return rate;
}

struct connect_rate *connect_rate_free(struct connect_rate *rate)
{
    for (unsigned i = 0; rate && i < LOCKS; i++)
        pthread_mutex_destroy(&rate->locks[i].lock);
    free(rate);
    return NULL;
}

size_t connect_rate_memory(void)
{
    return heap_bytes(sizeof(struct connect_rate));
}

/* What it has by now: one that was looked at by a thread whose clock is a little ahead has had no
 * time; one from before the clock went round has had all. */
static uint32_t milli_of(const struct bucket *bucket, uint64_t most, uint32_t now_ms)
{
    enum { AHEAD_MS = 10000 };
    uint32_t gone_ms = now_ms - bucket->at_ms;
    if (!bucket->name)
        return (uint32_t)(most * 1000);
    if (gone_ms > UINT32_MAX - AHEAD_MS)
        gone_ms = 0;
    uint64_t milli = bucket->milli + gone_ms * most;
    return (uint32_t)(milli < most * 1000 ? milli : most * 1000);
}

static struct bucket *find(struct set *set, uint64_t name)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (set->ways[i].name == name)
            return &set->ways[i];
    return NULL;
}

static struct bucket *fullest(struct set *set, uint64_t most, uint32_t now_ms)
{
    struct bucket *fullest = &set->ways[0];
    uint32_t milli = milli_of(fullest, most, now_ms);
    for (unsigned i = 1; i < WAYS && milli < most * 1000; i++) {
        uint32_t other = milli_of(&set->ways[i], most, now_ms);
        if (other <= milli)
            continue;
        fullest = &set->ways[i];
        milli = other;
    }
    return fullest;
}

bool connect_rate_take(struct connect_rate *rate, const struct address *address, uint32_t most,
                       int64_t now_ns, bool *ret_forgot)
{
    uint32_t now_ms = (uint32_t)(now_ns / 1000000);
    CHECK(most > 0 && most <= CONNECT_RATE_MAX);
    *ret_forgot = false;
    struct text text = {(const char *)address, sizeof(*address)};
    uint64_t name = hash_text(&rate->key, text);
    name += name == 0;
    unsigned index = (unsigned)(name & (SETS - 1));
    pthread_mutex_t *lock = &rate->locks[index % LOCKS].lock;
    pthread_mutex_lock(lock);
    struct bucket *bucket = find(&rate->sets[index], name);
    if (!bucket) {
        bucket = fullest(&rate->sets[index], most, now_ms);
        *ret_forgot = milli_of(bucket, most, now_ms) < most * UINT64_C(1000);
        *bucket = (struct bucket){.name = name, .at_ms = now_ms, .milli = most * 1000};
    }
    bucket->milli = milli_of(bucket, most, now_ms);
    bucket->at_ms = now_ms;
    bool may = bucket->milli >= 1000;
    bucket->milli -= may ? 1000 : 0;
    pthread_mutex_unlock(lock);
    return may;
}
