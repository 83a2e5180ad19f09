/* SPDX-License-Identifier: MIT */
/*
 * Publishers. Each has one request at a time, is refused and waits, and may be caught between its
 * claim and its stores: frame_stamp is wrapped, and things happen within it.
 */
#include "tests/sim/world.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/flow.h"
#include "tests/sim/command.h"
#include "tests/sim/ended.h"
#include "tests/sim/fail.h"
#include "tests/sim/keys.h"

#define DEPTH_MAX 3

void publishers_init(void)
{
    for (unsigned i = 0; i < WORLD_PUBLISHERS_MAX; i++) {
        struct publisher *publisher = &world->publishers[i];
        publisher->number = i;
        int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        CHECK(fd >= 0);
        hub_waiter_add(world->hub, &publisher->waiter, fd);
    }
}

static void request_drop(struct publisher *publisher)
{
    for (unsigned i = 0; i < publisher->count; i++) {
        frame_unref(publisher->frames[i]);
        model_drop(&publisher->events[i]);
    }
    publisher->count = 0;
    publisher->waiting = false;
}

void publishers_deinit(void)
{
    for (unsigned i = 0; i < WORLD_PUBLISHERS_MAX; i++) {
        struct publisher *publisher = &world->publishers[i];
        request_drop(publisher);
        hub_waiter_remove(world->hub, &publisher->waiter);
        close(publisher->waiter.eventfd);
    }
}

/* --- between claim and store ----------------------------------------------------------------- */

void __real_frame_stamp(struct frame *frame, const struct ids *ids, uint64_t sequence);
void __wrap_frame_stamp(struct frame *frame, const struct ids *ids, uint64_t sequence);

static void happen_within(const struct publisher *publisher)
{
    if (world->sim.calm || world->depth >= DEPTH_MAX ||
        !sim_random_one_in(world->random, publisher->count > 100 ? 200 : 16))
        return;
    world->depth++;
    switch (sim_random_below(world->random, 5)) {
    case 4:
        command_step();
        break;
    case 0:
        publish_step(&world->publishers[sim_random_below(world->random, WORLD_PUBLISHERS_MAX)]);
        break;
    case 1:
        hand_over_step();
        break;
    case 2:
        if (!world->draining && world->ended)
            begin_drain();
        break;
    default:
        request_step();
    }
    for (uint64_t turns = sim_random_below(world->random, 4); turns > 0; turns--)
        turn_worker(&world->workers[sim_random_below(world->random, world->worker_count)]);
    world->depth--;
}

void __wrap_frame_stamp(struct frame *frame, const struct ids *ids, uint64_t sequence)
{
    __real_frame_stamp(frame, ids, sequence);
    if (frame->flags & FRAME_COMMANDS) {
        command_stamped(frame, sequence);
        happen_within(&world->publishers[0]);
        return;
    }
    for (unsigned i = 0; i < WORLD_PUBLISHERS_MAX; i++) {
        struct publisher *publisher = &world->publishers[i];
        while (publisher->within && publisher->stamped < publisher->count &&
               publisher->frames[publisher->stamped] != frame &&
               publisher->frames[publisher->stamped]->sequence)
            publisher->stamped++; /* its key is known */
        if (!publisher->within || publisher->stamped == publisher->count ||
            publisher->frames[publisher->stamped] != frame)
            continue;
        struct model_event *event = &publisher->events[publisher->stamped++];
        event->sequence = sequence;
        event->frame_len = frame->len;
        event->born_ns = frame->born_ns;
        ended_stamped(event);
        keys_stamped(event);
        model_add(&world->model, event);
        event->bytes = NULL;
        happen_within(publisher);
        return;
    }
    fail("a frame is stamped that nobody publishes");
}

/* --- a request ------------------------------------------------------------------------------- */

static void request_make(struct publisher *publisher)
{
    unsigned count = 1;
    if (!sim_random_one_in(world->random, 3))
        count = (unsigned)sim_random_between(world->random, 1, world->batch_max);
    if (sim_random_one_in(world->random, 200) && world->model.largest <= 3000)
        count = PUBLISH_EVENTS_MAX;
    uint64_t charge = 0;
    for (unsigned i = 0; i < count; i++) {
        /* Some channels are busier than others. */
        unsigned channel = (unsigned)sim_random_below(world->random, world->model.channel_count);
        if (sim_random_one_in(world->random, 2))
            channel = (unsigned)sim_random_below(world->random, channel + 1);
        if (world->model.all_one_in && sim_random_one_in(world->random, world->model.all_one_in))
            channel = MODEL_ALL;
        publisher->events[i] = model_make(&world->model, world->random, channel);
        const struct model_event *made = &publisher->events[i];
        char key[16];
        int key_len = made->key ? snprintf(key, sizeof(key), "key %u", made->key) : 0;
        struct event event = {.channel = world->model.channels[channel].name,
                              .key = {key, (size_t)key_len},
                              .type = made->type,
                              .id = made->id,
                              .data = made->published,
                              .retry_ms = made->retry_ms,
                              .without_data = made->without_data,
                              .ends = made->ends,
                              .all = channel == MODEL_ALL};
        int r = hub_frame(world->hub, &event, &publisher->frames[i]);
        if (r != 0)
            fail("a sound event is refused: %d", r);
        uint32_t len = publisher->frames[i]->len;
        charge += len > FLOW_FRAME_BYTES_MIN ? len : FLOW_FRAME_BYTES_MIN;
    }
    publisher->count = count;
    if (charge > world->largest_request)
        world->largest_request = charge;
}

/* HUB_BUSY must have a reason: something of one of its channels is in flight, or an inbox is full.
 */
static void expect_busy(const struct publisher *publisher)
{
    const struct flow *flow = world->workers[0].worker->flow;
    for (unsigned i = 0; i < publisher->count; i++)
        if (flow->cells[publisher->frames[i]->channel_hash & (FLOW_CELLS - 1)])
            return;
    uint64_t next = hub_next_sequence(world->hub);
    for (unsigned i = 0; i < world->worker_count; i++)
        if (next + publisher->count > world->workers[i].worker->position + INBOX_SLOTS)
            return;
    fail("publisher %u is refused although its channels have nothing in flight", publisher->number);
}

static int request_try(struct publisher *publisher)
{
    uint64_t first = 0;
    uint64_t before = hub_next_sequence(world->hub);
    publisher->stamped = 0;
    publisher->within = true;
    int r = hub_publish(world->hub, publisher->frames, publisher->count, &first);
    publisher->within = false;
    if (r == HUB_BUSY) {
        trace("publisher %u is refused", publisher->number);
        expect_busy(publisher);
        return r;
    }
    if (r == HUB_TWICE) {
        keys_twice(publisher, first);
        request_drop(publisher);
        return r;
    }
    if (r == HUB_KNOWN) {
        for (unsigned i = 0; i < publisher->count; i++) {
            if (!publisher->frames[i])
                continue; /* published */
            trace("publisher %u: event %u was published before", publisher->number, i);
            keys_known(publisher, i);
            frame_unref(publisher->frames[i]);
            model_drop(&publisher->events[i]);
        }
        publisher->count = 0;
        publisher->waiting = false;
        return 0;
    }
    if (r == HUB_ENDED) {
        trace("publisher %u: event %llu's channel has ended", publisher->number,
              (unsigned long long)first);
        ended_refused(publisher, first);
        request_drop(publisher);
        return r;
    }
    if (r == -ESHUTDOWN) {
        if (!world->draining)
            fail("publisher %u is told that the hub is closed", publisher->number);
        request_drop(publisher);
        return r;
    }
    if (r != 0 || first < before || publisher->stamped != publisher->count)
        fail("publisher %u: hub_publish gave %d and sequence %llu", publisher->number, r,
             (unsigned long long)first);
    trace("publisher %u published %u events from %llu on", publisher->number, publisher->count,
          (unsigned long long)first);
    publisher->count = 0;
    publisher->waiting = false;
    return 0;
}

bool publish_step(struct publisher *publisher)
{
    if (publisher->within)
        return false;
    uint64_t told;
    if (publisher->waiting) {
        if (read(publisher->waiter.eventfd, &told, sizeof(told)) != sizeof(told))
            return false; /* asleep */
        publisher->waiting = false;
    }
    if (publisher->count == 0) {
        if (world->draining && !sim_random_one_in(world->random, 4))
            return false;
        request_make(publisher);
    }
    int r = request_try(publisher);
    if (r == HUB_BUSY) {
        hub_waiter_arm(world->hub, &publisher->waiter);
        r = request_try(publisher);
        publisher->waiting = r == HUB_BUSY;
    }
    inspect_flow();
    return r == 0;
}

bool publish_rest(void)
{
    bool all = true;
    for (unsigned i = 0; i < WORLD_PUBLISHERS_MAX; i++) {
        struct publisher *publisher = &world->publishers[i];
        if (publisher->count)
            publish_step(publisher);
        all &= publisher->count == 0;
    }
    return all;
}
