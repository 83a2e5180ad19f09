/* SPDX-License-Identifier: MIT */
/* In-flight counters and waiters: see flow.h. */
#include "engine/flow.h"

#include <errno.h>

#include "engine/base/clock.h"
#include "engine/base/wake.h"

int flow_init(struct flow *flow, unsigned workers, const struct hash_key *key)
{
    *flow = (struct flow){.workers = workers};
    flow->cells = calloc(FLOW_CELLS, sizeof(*flow->cells));
    if (!flow->cells || conveyor_init(&flow->conveyor, INBOX_SLOTS) < 0) {
        free(TAKE(flow->cells));
        return -ENOMEM;
    }
    int r = pthread_mutex_init(&flow->lock, NULL);
    CHECK(r == 0);
    ledger_init(&flow->ledger, workers, key, &flow->record_bytes);
    roll_init(&flow->roll, &flow->record_bytes);
    return 0;
}

void flow_deinit(struct flow *flow)
{
    if (!flow->cells)
        return;
    CHECK(!flow->waiters);
    roll_deinit(&flow->roll);
    ledger_deinit(&flow->ledger);
    pthread_mutex_destroy(&flow->lock);
    conveyor_deinit(&flow->conveyor);
    free(TAKE(flow->cells));
}

static _Atomic uint64_t *cell_of(const struct flow *flow, uint64_t channel_hash)
{
    return &flow->cells[channel_hash & (FLOW_CELLS - 1)];
}

static uint64_t charge_of(const struct frame *frame)
{
    return frame->len > FLOW_FRAME_BYTES_MIN ? frame->len : FLOW_FRAME_BYTES_MIN;
}

/* The counters bound; they order nothing, so relaxed is enough everywhere. */
static inline __attribute__((always_inline)) bool cell_admits(const struct flow *flow,
                                                              uint64_t channel_hash)
{
    uint64_t total = atomic_load_explicit(&flow->total, memory_order_relaxed);
    if (total < FLOW_CHANNEL_BYTES) /* so no channel has more than its share */
        return true;
    uint64_t held = atomic_load_explicit(cell_of(flow, channel_hash), memory_order_relaxed);
    if (held == 0)
        return total < FLOW_FIRST_BYTES;
    if (total >= FLOW_CROWDED_BYTES)
        return held < FLOW_LITTLE_BYTES && total < FLOW_BUDGET_BYTES;
    return held < FLOW_CHANNEL_BYTES;
}

bool flow_admits(struct flow *flow, struct frame *const *frames, unsigned count)
{
    if (!flow_memory_admits(flow))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (i && frames[i]->channel_hash == frames[i - 1]->channel_hash)
            continue;
        if (!cell_admits(flow, frames[i]->channel_hash))
            return false;
    }
    return true;
}

bool flow_admits_hash(const struct flow *flow, uint64_t channel_hash)
{
    return flow_memory_admits(flow) && cell_admits(flow, channel_hash);
}

/* Sums runs of one channel, so that a request of many events is a few atomic operations. */
static void change(struct flow *flow, struct frame *const *frames, unsigned count, bool add)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < count;) {
        uint64_t sum = 0;
        unsigned from = i;
        for (; i < count && frames[i]->channel_hash == frames[from]->channel_hash; i++)
            sum += charge_of(frames[i]);
        atomic_fetch_add_explicit(cell_of(flow, frames[from]->channel_hash), add ? sum : -sum,
                                  memory_order_relaxed);
        all += sum;
    }
    atomic_fetch_add_explicit(&flow->total, add ? all : -all, memory_order_relaxed);
}

void flow_add(struct flow *flow, struct frame *const *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        atomic_store_explicit(&frames[i]->unswept, flow->workers, memory_order_relaxed);
    change(flow, frames, count, true);
}

void flow_subtract(struct flow *flow, struct frame *const *frames, unsigned count)
{
    change(flow, frames, count, false);
}

bool flow_swept(const struct flow *flow, struct frame *frame)
{
    return flow->workers == 1 ||
           atomic_fetch_sub_explicit(&frame->unswept, 1, memory_order_relaxed) == 1;
}

/* --- waiters ------------------------------------------------------------------------------- */

void flow_waiter_add(struct flow *flow, struct hub_waiter *waiter, int eventfd)
{
    waiter->eventfd = eventfd;
    atomic_init(&waiter->armed, 0);
    pthread_mutex_lock(&flow->lock);
    waiter->next = flow->waiters;
    flow->waiters = waiter;
    pthread_mutex_unlock(&flow->lock);
}

void flow_waiter_arm(struct flow *flow, struct hub_waiter *waiter)
{
    if (!atomic_exchange_explicit(&waiter->armed, 1, memory_order_relaxed))
        atomic_fetch_add_explicit(&flow->armed, 1, memory_order_relaxed);
    /* Full fence between arming and the caller's next try; pairs with the one in flow_wake. */
    atomic_thread_fence(memory_order_seq_cst);
}

/* Under the lock: whoever wakes is done with a waiter when it has gone. True: it was armed. */
static bool disarm(struct flow *flow, struct hub_waiter *waiter)
{
    if (!atomic_exchange_explicit(&waiter->armed, 0, memory_order_relaxed))
        return false;
    atomic_fetch_sub_explicit(&flow->armed, 1, memory_order_relaxed);
    return true;
}

void flow_waiter_disarm(struct flow *flow, struct hub_waiter *waiter)
{
    pthread_mutex_lock(&flow->lock);
    (void)disarm(flow, waiter);
    pthread_mutex_unlock(&flow->lock);
}

bool flow_waiter_sleep(struct hub_waiter *waiter, int64_t until_ns)
{
    while (atomic_load_explicit(&waiter->armed, memory_order_relaxed)) {
        if (until_ns <= clock_ns())
            return false;
        futex_wait(&waiter->armed, 1, until_ns);
    }
    return true;
}

void flow_waiter_remove(struct flow *flow, struct hub_waiter *waiter)
{
    pthread_mutex_lock(&flow->lock);
    (void)disarm(flow, waiter);
    struct hub_waiter **link = &flow->waiters;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    pthread_mutex_unlock(&flow->lock);
}

void flow_wake(struct flow *flow)
{
    /* Full fence between what we lowered and the look at `armed`; pairs with hub_waiter_arm's. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&flow->armed, memory_order_relaxed) == 0)
        return;
    pthread_mutex_lock(&flow->lock);
    for (struct hub_waiter *waiter = flow->waiters; waiter; waiter = waiter->next) {
        if (!disarm(flow, waiter))
            continue;
        if (waiter->eventfd == HUB_WAITER_SLEEPS)
            futex_wake(&waiter->armed);
        else
            wake_add(waiter->eventfd);
    }
    pthread_mutex_unlock(&flow->lock);
}
