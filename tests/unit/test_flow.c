/* SPDX-License-Identifier: MIT */
/* Flow control: the bounds of flow.h on both sides, counters that return to zero, and waiters. */
#include <criterion/criterion.h>

#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/hub.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "engine/flow.h"
#include "engine_frames.h"
#include "threadless.h"

#define MIB (1u << 20)

/* A frame that counts exactly `bytes`; it is only weighed here, never sent. */
static struct frame *weight(uint64_t channel_hash, uint32_t bytes)
{
    struct frame *frame = frame_make(channel_hash, "", 1);
    frame->len = bytes;
    return frame;
}

static struct flow *flow_make(unsigned workers)
{
    struct flow *flow = malloc(sizeof(*flow));
    cr_assert(flow);
    cr_assert_eq(flow_init(flow, workers, NULL), 0);
    return flow;
}

static void flow_drop(struct flow *flow)
{
    flow_deinit(flow);
    free(flow);
}

static bool admits(struct flow *flow, uint64_t channel_hash)
{
    struct frame *frame = weight(channel_hash, 1);
    bool answer = flow_admits(flow, &frame, 1);
    frame_unref(frame);
    return answer;
}

/* Puts so many bytes of a channel in flight, or takes them out. */
static void change(struct flow *flow, uint64_t channel_hash, uint32_t bytes, bool add)
{
    struct frame *frame = weight(channel_hash, bytes);
    if (add)
        flow_add(flow, &frame, 1);
    else
        flow_subtract(flow, &frame, 1);
    frame_unref(frame);
}

static void expect_empty(const struct flow *flow)
{
    cr_expect_eq(atomic_load(&flow->total), 0);
    for (uint32_t i = 0; i < FLOW_CELLS; i++)
        cr_assert_eq(atomic_load(&flow->cells[i]), 0, "cell %u", i);
}

Test(flow, a_channel_has_its_share)
{
    struct flow *flow = flow_make(1);
    change(flow, 7, FLOW_CHANNEL_BYTES - 1, true);
    cr_expect(admits(flow, 7), "it may overshoot by one request");
    change(flow, 7, FLOW_FRAME_BYTES_MIN, true);
    cr_expect_not(admits(flow, 7));
    cr_expect(admits(flow, 8), "others do not notice");
    cr_expect_not(admits(flow, 7 + FLOW_CELLS), "channels of one cell share its bound");
    flow_drop(flow);
}

Test(flow, a_small_frame_counts_a_slot)
{
    struct flow *flow = flow_make(1);
    change(flow, 7, 1, true);
    cr_expect_eq(atomic_load(&flow->total), FLOW_FRAME_BYTES_MIN);
    change(flow, 7, FLOW_FRAME_BYTES_MIN + 1, true);
    cr_expect_eq(atomic_load(&flow->total), 2 * FLOW_FRAME_BYTES_MIN + 1);
    flow_drop(flow);
}

Test(flow, only_small_ones_when_it_is_crowded)
{
    struct flow *flow = flow_make(1);
    for (uint64_t hash = 1; hash <= 4; hash++)
        change(flow, hash, FLOW_CROWDED_BYTES / 4 - MIB / 4, true);
    change(flow, 10, FLOW_LITTLE_BYTES - 1, true);
    change(flow, 11, FLOW_LITTLE_BYTES, true);
    cr_expect_lt(atomic_load(&flow->total), FLOW_CROWDED_BYTES);
    cr_expect(admits(flow, 1) && admits(flow, 10) && admits(flow, 11), "not crowded yet");
    change(flow, 12, MIB, true);
    cr_expect_geq(atomic_load(&flow->total), FLOW_CROWDED_BYTES);
    cr_expect_not(admits(flow, 1));
    cr_expect_not(admits(flow, 11));
    cr_expect(admits(flow, 10), "holds less than little");
    cr_expect(admits(flow, 20), "holds nothing");
    change(flow, 13, FLOW_BUDGET_BYTES / 4, true);
    cr_expect_geq(atomic_load(&flow->total), FLOW_BUDGET_BYTES);
    cr_expect_not(admits(flow, 10), "the budget is spent");
    cr_expect(admits(flow, 20), "a channel with nothing in flight is still admitted");
    change(flow, 14, FLOW_FIRST_BYTES - FLOW_BUDGET_BYTES, true);
    cr_expect_not(admits(flow, 20), "but not any number of them");
    change(flow, 14, FLOW_FIRST_BYTES - FLOW_BUDGET_BYTES, false);
    change(flow, 13, FLOW_BUDGET_BYTES / 4, false);
    cr_expect(admits(flow, 10));
    flow_drop(flow);
}

Test(flow, a_request_is_admitted_whole_or_not)
{
    struct flow *flow = flow_make(1);
    change(flow, 7, FLOW_CHANNEL_BYTES, true);
    struct frame *frames[] = {weight(5, 1), weight(5, 1), weight(7, 1)};
    cr_expect(flow_admits(flow, frames, 2));
    cr_expect_not(flow_admits(flow, frames, 3));
    cr_expect_not(flow_admits(flow, frames + 2, 1));
    for (int i = 0; i < 3; i++)
        frame_unref(frames[i]);
    flow_drop(flow);
}

Test(flow, what_was_added_is_subtracted)
{
    struct flow *flow = flow_make(2);
    struct frame *frames[40];
    for (uint32_t i = 0; i < 40; i++)
        frames[i] = weight(i / 3 % 5, 100 * i * i);
    for (unsigned count = 1; count <= 40; count++) {
        flow_add(flow, frames, count);
        cr_expect_gt(atomic_load(&flow->total), 0);
        flow_subtract(flow, frames, count);
        expect_empty(flow);
    }
    for (uint32_t i = 0; i < 40; i++)
        frame_unref(frames[i]);
    flow_drop(flow);
}

Test(flow, the_last_worker_gives_back)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct flow *flow = flow_make(workers);
        struct frame *frames[] = {weight(1, 5000), weight(2, 100), weight(1, 7000)};
        flow_add(flow, frames, 3);
        uint64_t before = atomic_load(&flow->total);
        cr_expect_eq(before, 12000 + FLOW_FRAME_BYTES_MIN);
        for (unsigned worker = 1; worker <= workers; worker++) {
            cr_expect_eq(atomic_load(&flow->total), before);
            for (int i = 0; i < 3; i++) {
                bool was_last = flow_swept(flow, frames[i]);
                cr_expect_eq(was_last, worker == workers);
                if (was_last)
                    flow_subtract(flow, &frames[i], 1);
            }
        }
        expect_empty(flow);
        for (int i = 0; i < 3; i++)
            frame_unref(frames[i]);
        flow_drop(flow);
    }
}

/* --- waiters: a whole hub, with its worker turned by hand ----------------------------------------
 */

static struct hub *hub_make(void)
{
    struct hub_options options;
    struct hub *hub = NULL;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    return hub;
}

static int publish(struct hub *hub)
{
    static char data[MIB];
    memset(data, 'x', sizeof(data));
    struct event event = {.channel = TEXT("flood"), .data = {data, sizeof(data)}, .retry_ms = -1};
    struct frame *frame;
    uint64_t first;
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    int r = hub_publish(hub, &frame, 1, &first);
    if (r != 0)
        frame_unref(frame);
    return r;
}

/* How often the eventfd was added to since the last look. */
static uint64_t wakes(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
        return count;
    cr_assert_eq(errno, EAGAIN);
    return 0;
}

Test(flow, a_waiter_is_woken_once_when_room_comes)
{
    struct hub *hub = hub_make();
    struct hub_waiter waiter, other;
    int fd = eventfd(0, EFD_NONBLOCK), other_fd = eventfd(0, EFD_NONBLOCK);
    hub_waiter_add(hub, &other, other_fd);
    hub_waiter_add(hub, &waiter, fd);
    for (uint32_t i = 0; i < FLOW_CHANNEL_BYTES / MIB; i++)
        cr_assert_eq(publish(hub), 0, "event %u", i);
    cr_assert_eq(publish(hub), HUB_BUSY);
    hub_waiter_arm(hub, &waiter);
    hub_waiter_arm(hub, &waiter);
    cr_expect_eq(publish(hub), HUB_BUSY);
    cr_expect_eq(wakes(fd), 0, "nothing has changed yet");
    worker_turn(hub_worker(hub, 0));
    cr_expect_eq(wakes(fd), 1);
    cr_expect_eq(wakes(other_fd), 0, "not armed");
    cr_expect_eq(publish(hub), 0);
    worker_turn(hub_worker(hub, 0));
    cr_expect_eq(wakes(fd), 0, "disarmed by the wake");
    struct stats stats;
    hub_stats(hub, &stats);
    cr_expect_eq(stats.in_flight_bytes, 0);
    cr_expect_eq(stats.publish_busy, 2);
    hub_waiter_remove(hub, &waiter);
    hub_waiter_remove(hub, &other);
    threadless_end(hub);
    close(fd);
    close(other_fd);
}

Test(flow, closing_the_hub_wakes_waiters)
{
    struct hub *hub = hub_make();
    struct hub_waiter waiter, removed;
    int fd = eventfd(0, EFD_NONBLOCK), removed_fd = eventfd(0, EFD_NONBLOCK);
    hub_waiter_add(hub, &waiter, fd);
    hub_waiter_add(hub, &removed, removed_fd);
    hub_waiter_arm(hub, &waiter);
    hub_waiter_arm(hub, &removed);
    hub_waiter_remove(hub, &removed);
    hub_close(hub);
    cr_expect_eq(wakes(fd), 1);
    cr_expect_eq(wakes(removed_fd), 0);
    cr_expect_eq(publish(hub), -ESHUTDOWN);
    hub_waiter_remove(hub, &waiter);
    threadless_end(hub);
    close(fd);
    close(removed_fd);
}

static struct event event_of(const char *channel)
{
    return (struct event){.channel = text_of(channel), .data = TEXT("d"), .retry_ms = -1};
}

Test(flow, room_is_known_before_a_frame_is_built)
{
    struct hub *hub = hub_make();
    struct event full = event_of("flood"), other = event_of("other"), all = {.all = true};
    cr_expect(hub_admits(hub, &full, 1));
    for (uint32_t i = 0; i < FLOW_CHANNEL_BYTES / MIB; i++)
        cr_assert_eq(publish(hub), 0, "event %u", i);
    cr_expect_not(hub_admits(hub, &full, 1));
    cr_expect(hub_admits(hub, &other, 1));
    cr_expect(hub_admits(hub, &all, 1));
    cr_expect(hub_admits(hub, &other, INBOX_SLOTS - FLOW_CHANNEL_BYTES / MIB));
    cr_expect_not(hub_admits(hub, &other, INBOX_SLOTS - FLOW_CHANNEL_BYTES / MIB + 1));
    struct stats stats;
    hub_stats(hub, &stats);
    cr_expect_eq(stats.publish_busy, 2);
    hub_close(hub);
    cr_expect(hub_admits(hub, &full, 1), "that it is closed is to be heard, not waited for");
    threadless_end(hub);
}

struct sleeper {
    struct hub *hub;
    struct hub_waiter waiter;
    _Atomic bool armed;
};

static void *sleep_until_woken(void *context)
{
    struct sleeper *sleeper = context;
    hub_waiter_arm(sleeper->hub, &sleeper->waiter);
    atomic_store(&sleeper->armed, true);
    bool woken = hub_waiter_sleep(sleeper->hub, &sleeper->waiter, INT64_MAX);
    hub_waiter_remove(sleeper->hub, &sleeper->waiter);
    return woken ? sleeper : NULL;
}

Test(flow, a_waiter_without_a_descriptor_sleeps_until_there_is_room)
{
    struct hub *hub = hub_make();
    struct sleeper sleeper = {.hub = hub};
    pthread_t thread;
    void *result = NULL;
    hub_waiter_add(hub, &sleeper.waiter, HUB_WAITER_SLEEPS);
    hub_waiter_arm(hub, &sleeper.waiter);
    cr_expect_not(hub_waiter_sleep(hub, &sleeper.waiter, clock_ns() + 1000000), "its time is over");
    hub_waiter_disarm(hub, &sleeper.waiter);
    cr_expect(hub_waiter_sleep(hub, &sleeper.waiter, INT64_MAX), "not armed");
    cr_assert_eq(publish(hub), 0);
    cr_assert_eq(pthread_create(&thread, NULL, sleep_until_woken, &sleeper), 0);
    while (!atomic_load(&sleeper.armed))
        sched_yield();
    worker_turn(hub_worker(hub, 0));
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_expect_eq(result, &sleeper);
    threadless_end(hub);
}

Test(flow, who_is_disarmed_is_not_woken)
{
    struct hub *hub = hub_make();
    struct hub_waiter waiter;
    int fd = eventfd(0, EFD_NONBLOCK);
    hub_waiter_add(hub, &waiter, fd);
    cr_assert_eq(publish(hub), 0);
    hub_waiter_arm(hub, &waiter);
    hub_waiter_disarm(hub, &waiter);
    worker_turn(hub_worker(hub, 0));
    cr_expect_eq(wakes(fd), 0);
    hub_waiter_remove(hub, &waiter);
    threadless_end(hub);
    close(fd);
}

Test(flow, memory_is_counted_and_admits_what_must_flow)
{
    struct flow *flow = flow_make(1);
    cr_expect_not(flow_memory_is_full(flow), "no bound");
    atomic_store(&flow->memory_max, 8 * MIB);
    /* Connections fill their own share, and nothing else. */
    atomic_store(&flow->connection_bytes, 9 * MIB);
    cr_expect_not(flow_memory_is_full(flow));
    cr_expect_not(flow_connections_admit(flow, 1, false));
    atomic_store(&flow->connection_bytes, 2 * MIB - 1);
    cr_expect(flow_connections_admit(flow, 1, false));
    cr_expect_not(flow_connections_admit(flow, 2, false));
    cr_expect_not(flow_connections_admit(flow, 1, true));
    atomic_store(&flow->connection_bytes, 2 * MIB * 3 / 4 - 1);
    cr_expect(flow_connections_admit(flow, 1, true));
    atomic_store(&flow->record_bytes, 6 * MIB - 1);
    cr_expect_not(flow_memory_is_full(flow));
    cr_expect(admits(flow, 1));
    /* Records alone fill the rest: no subscriber, but events go on up to an eighth. */
    atomic_store(&flow->record_bytes, 7 * MIB);
    cr_expect(flow_memory_is_full(flow));
    cr_expect(admits(flow, 1));
    atomic_store(&flow->frame_bytes, MIB - 1);
    cr_expect(admits(flow, 1));
    atomic_store(&flow->frame_bytes, MIB);
    cr_expect_not(admits(flow, 1));
    atomic_store(&flow->record_bytes, 5 * MIB - 1);
    cr_expect_eq(flow_memory(flow), 6 * MIB - 1);
    cr_expect(admits(flow, 1));
    atomic_store(&flow->memory_max, 0);
    atomic_store(&flow->frame_bytes, UINT64_C(1) << 40);
    cr_expect(admits(flow, 1), "no bound any more");
    atomic_store(&flow->frame_bytes, 0);
    atomic_store(&flow->record_bytes, 0);
    atomic_store(&flow->connection_bytes, 0);
    flow_drop(flow);
}

Test(flow, a_larger_maximum_wakes_waiters)
{
    struct hub *hub = hub_make();
    struct hub_waiter waiter;
    struct hub_options options;
    hub_options_default(&options);
    options.memory_max = MIB;
    int fd = eventfd(0, EFD_NONBLOCK);
    hub_waiter_add(hub, &waiter, fd);
    cr_assert_eq(hub_reload(hub, &options), 0);
    cr_expect_eq(publish(hub), 0);
    cr_expect(hub_memory_is_full(hub));
    cr_expect_eq(publish(hub), HUB_BUSY);
    hub_waiter_arm(hub, &waiter);
    options.memory_max = 8 * MIB;
    cr_assert_eq(hub_reload(hub, &options), 0);
    cr_expect_eq(wakes(fd), 1);
    cr_expect_eq(publish(hub), 0);
    hub_count_memory(hub, 5);
    struct stats stats;
    hub_stats(hub, &stats);
    cr_expect_eq(stats.memory_connections, 5);
    cr_expect_geq(stats.memory_bytes, 2 * MIB + 5);
    hub_count_memory(hub, -5);
    hub_waiter_remove(hub, &waiter);
    threadless_end(hub);
    close(fd);
}

/* --- threads that are cancelled ------------------------------------------------------------------
 */

static void *publish_cancelled(void *hub)
{
    pthread_cancel(pthread_self());
    cr_expect_eq(publish(hub), 0);
    return hub;
}

static void *wake_cancelled(void *flow)
{
    pthread_cancel(pthread_self());
    flow_wake(flow);
    return flow;
}

/* A cancelled thread ends at the next place where it may, and none of ours is one: a worker is
 * woken, and no lock stays taken. */
Test(flow, a_cancelled_thread_leaves_nothing_half_done)
{
    struct hub *hub = hub_make();
    struct flow *flow = hub_worker(hub, 0)->flow;
    struct hub_waiter waiter;
    pthread_t thread;
    void *result = NULL;
    int fd = eventfd(0, EFD_NONBLOCK);
    hub_waiter_add(hub, &waiter, fd);
    hub_waiter_arm(hub, &waiter);
    cr_assert_eq(pthread_create(&thread, NULL, wake_cancelled, flow), 0);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_expect_neq(result, PTHREAD_CANCELED);
    cr_expect_eq(wakes(fd), 1);
    cr_assert_eq(pthread_mutex_trylock(&flow->lock), 0, "the lock stayed taken");
    pthread_mutex_unlock(&flow->lock);
    cr_assert(inbox_park(&hub_worker(hub, 0)->inbox));
    cr_assert_eq(pthread_create(&thread, NULL, publish_cancelled, hub), 0);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_expect_neq(result, PTHREAD_CANCELED);
    inbox_unpark(&hub_worker(hub, 0)->inbox);
    hub_waiter_remove(hub, &waiter);
    threadless_end(hub);
    close(fd);
}
