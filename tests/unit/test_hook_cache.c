/* SPDX-License-Identifier: MIT */
/* The application's answers that hold for a while: found as long as they are young, bounded. */
#include <criterion/criterion.h>

#include "engine/limits.h"
#include "net/hook/hook_cache.h"

static struct hash_wide hash_of(unsigned number)
{
    return hash_text_wide((struct text){(const char *)&number, sizeof(number)});
}

static struct hook_answer *answer_new(int status)
{
    struct hook_answer *answer = NULL;
    cr_assert_eq(hook_answer_read(status, TEXT(""), 64, &answer), 0);
    return answer;
}

/* The answer is the cache's alone then. */
static void add(struct hook_cache *cache, unsigned number, int status, int64_t now_ns)
{
    struct hash_wide hash = hash_of(number);
    struct hook_answer *answer = answer_new(status);
    hook_cache_add(cache, &hash, answer, now_ns);
    hook_answer_unref(answer);
}

/* Its status; 0: there is none. */
static int find(const struct hook_cache *cache, unsigned number, int64_t since_ns)
{
    struct hash_wide hash = hash_of(number);
    const struct hook_answer *answer = hook_cache_find(cache, &hash, since_ns);
    return answer ? answer->status : 0;
}

Test(hook_cache, holds_for_as_long_as_is_asked)
{
    struct hook_cache cache;
    hook_cache_init(&cache);
    add(&cache, 1, 200, 1000);
    add(&cache, 2, 403, 2000);
    cr_expect_eq(find(&cache, 1, 1000), 200);
    cr_expect_eq(find(&cache, 1, 1001), 0);
    cr_expect_eq(find(&cache, 2, 1001), 403);
    cr_expect_eq(find(&cache, 3, 0), 0);
    hook_cache_expire(&cache, 1001);
    cr_expect_eq(find(&cache, 1, 0), 0);
    cr_expect_eq(find(&cache, 2, 0), 403);
    hook_cache_deinit(&cache);
    cr_expect_eq(cache.bytes, 0);
}

Test(hook_cache, the_newer_answer_counts)
{
    struct hook_cache cache;
    hook_cache_init(&cache);
    add(&cache, 1, 200, 1000);
    size_t one = cache.bytes;
    add(&cache, 1, 403, 2000);
    cr_expect_eq(find(&cache, 1, 0), 403);
    cr_expect_eq(cache.bytes, one);
    hook_cache_expire(&cache, 1500);
    cr_expect_eq(find(&cache, 1, 0), 403);
    hook_cache_deinit(&cache);
}

Test(hook_cache, the_oldest_go_where_there_is_no_room)
{
    struct hook_cache cache;
    unsigned count = 0;
    hook_cache_init(&cache);
    do
        add(&cache, count, 200, count);
    while (find(&cache, 0, 0) && ++count);
    cr_expect_gt(count, 1000);
    cr_expect_leq(cache.bytes, HOOK_CACHE_BYTES_MAX);
    cr_expect_eq(find(&cache, 1, 0), 200);
    cr_expect_eq(find(&cache, count, 0), 200);
    hook_cache_deinit(&cache);
}

/* Two questions that share the part of the hash that they are looked up by are told apart. */
Test(hook_cache, the_whole_hash_counts)
{
    struct hook_cache cache;
    struct hash_wide one = hash_of(1), other = one;
    struct hook_answer *answer = answer_new(200);
    other.bytes[sizeof(other.bytes) - 1] ^= 1;
    hook_cache_init(&cache);
    hook_cache_add(&cache, &one, answer, 1);
    cr_expect_null(hook_cache_find(&cache, &other, 0));
    hook_cache_add(&cache, &other, answer, 2);
    cr_expect_null(hook_cache_find(&cache, &one, 0));
    cr_expect_eq(hook_cache_find(&cache, &other, 0), answer);
    hook_cache_deinit(&cache);
    hook_answer_unref(answer);
}
