/* SPDX-License-Identifier: MIT */
/* See inquiry.h. Everything is relaxed: nothing is read because of what is written here. */
#include "engine/inquiry.h"

#include <stddef.h>

#define LOAD(from)      atomic_load_explicit(&(from), memory_order_relaxed)
#define STORE(to, what) atomic_store_explicit(&(to), what, memory_order_relaxed)

/* A worker's time is that of its turn's beginning: what another one has just noted may be ahead. */
static bool is_new(uint32_t noted_ms, uint32_t now_ms)
{
    return now_ms - noted_ms + INQUIRY_MS < 2 * INQUIRY_MS;
}

static bool is_open(const struct inquiry *inquiry, uint32_t now_ms)
{
    return LOAD(inquiry->hash) && is_new(LOAD(inquiry->asked_ms), now_ms);
}

static struct inquiry *find(struct inquiries *inquiries, uint64_t hash, uint32_t now_ms)
{
    struct inquiry *free = NULL;
    for (uint32_t i = 0; i < INQUIRIES_MAX; i++) {
        struct inquiry *inquiry = &inquiries->open[i];
        if (LOAD(inquiry->hash) == hash)
            return inquiry;
        if (!free && !is_open(inquiry, now_ms))
            free = inquiry;
    }
    if (free)
        STORE(free->hash, hash);
    return free;
}

bool inquiry_ask(struct inquiries *inquiries, uint64_t hash, uint32_t now_ms)
{
    struct inquiry *inquiry = find(inquiries, hash, now_ms);
    if (!inquiry)
        return false;
    STORE(inquiry->asked_ms, now_ms);
    STORE(inquiries->asked_ms, now_ms);
    uint64_t answer = LOAD(inquiry->answer);
    return answer >> 32 == (uint32_t)hash && is_new((uint32_t)answer, now_ms);
}

uint64_t inquiry_next(struct inquiries *inquiries, uint32_t now_ms, uint32_t *index)
{
    if (*index == 0 && !is_new(LOAD(inquiries->asked_ms), now_ms))
        return 0;
    while (*index < INQUIRIES_MAX) {
        struct inquiry *inquiry = &inquiries->open[(*index)++];
        if (is_open(inquiry, now_ms))
            return LOAD(inquiry->hash);
    }
    return 0;
}

void inquiry_answer(struct inquiries *inquiries, uint64_t hash, uint32_t now_ms, uint32_t index)
{
    STORE(inquiries->open[index - 1].answer, hash << 32 | now_ms);
}
