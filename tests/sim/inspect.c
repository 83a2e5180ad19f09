/* SPDX-License-Identifier: MIT */
/*
 * What must hold after each turn of a worker, and when everything is quiet: history within its
 * limits plus what is in flight, nothing evicted without need, counters that say what is there.
 */
#include "tests/sim/presence.h"
#include "tests/sim/world.h"

#include <inttypes.h>

#include "engine/closes.h"
#include "tests/sim/command.h"
#include "tests/sim/ended.h"
#include "tests/sim/fail.h"
#include "tests/sim/ruled.h"
#include "tests/sim/steer.h"

/* --- histories ------------------------------------------------------------------------------- */

/* Without the newest of what was let go the history would be within its limits: it went too soon.
 */
static void expect_eviction(const struct world_worker *worker, unsigned channel,
                            const struct history *history)
{
    const struct model_event *newest = model_at(&world->model, history->evicted_through);
    if (newest->ends)
        return; /* of a channel that is open again */
    if (newest->sequence < worker->evicted[MODEL_ALL])
        return; /* it came before one to all that is gone */
    if (!ruled_is_over(channel, history_count(history) + 1, history->bytes + newest->frame_len,
                       world->sim.now_ns - newest->born_ns))
        fail("worker %u let go of event %" PRIu64 " of channel %u without need", worker->index,
             history->evicted_through, channel);
}

void look_at_evicted(struct world_worker *worker)
{
    for (unsigned k = 0; k < MODEL_RECORDS; k++) {
        unsigned i = (k + MODEL_ALL) % MODEL_RECORDS; /* those to all first */
        const struct channel *channel = world_record(worker->worker, i);
        if (!channel || channel->history.evicted_through <= worker->evicted[i])
            continue;
        worker->evicted[i] = channel->history.evicted_through;
        if (channel->history.begin > 0)
            expect_eviction(worker, i, &channel->history);
    }
    for (struct ending *ending = worker->worker->channels.closed.first; ending;
         ending = ending->later) {
        const struct channel *channel = ending->channel;
        struct text name = {channel->name, channel->name_len};
        for (unsigned i = 0; i < world->model.channel_count; i++)
            if (text_equals(world->model.channels[i].name, name) &&
                channel->history.evicted_through > worker->evicted[i])
                worker->evicted[i] = channel->history.evicted_through;
    }
}

static void inspect_history(const struct world_worker *worker, unsigned number,
                            const struct channel *channel)
{
    const struct history *history = &channel->history;
    uint64_t position = worker->worker->position;
    uint64_t retained = model_count(&world->model, number, history->evicted_through, position - 1);
    if (history_count(history) != retained)
        fail("worker %u keeps %" PRIu64 " events of channel %u, expected %" PRIu64, worker->index,
             history_count(history), number, retained);
    uint64_t remembered =
        model_count(&world->model, number, history->remembered_after, history->evicted_through);
    uint64_t wanted = history->begin < EVICTED_REMEMBERED ? history->begin : EVICTED_REMEMBERED;
    if (remembered != wanted)
        fail("worker %u remembers %" PRIu64 " evicted events of channel %u, expected %" PRIu64,
             worker->index, remembered, number, wanted);
    /* What is not in flight any more is within the limits. */
    uint64_t bytes = 0;
    for (uint64_t place = history->begin; place < history->returned; place++)
        bytes += history_at(history, place)->len;
    if (!ruled_may_keep(number, channel, history->returned - history->begin, bytes))
        fail("worker %u keeps %" PRIu64 " events and %" PRIu64
             " bytes of channel %u that are not in flight",
             worker->index, history->returned - history->begin, bytes, number);
}

void inspect_flow(void)
{
    const struct flow *flow = world->workers[0].worker->flow;
    uint64_t total = atomic_load(&flow->total);
    /* Each publisher looks before it adds, so each may overshoot by one request. */
    uint64_t overshoot = WORLD_PUBLISHERS_MAX * world->largest_request;
    if (total > FLOW_BUDGET_BYTES + overshoot)
        fail("%" PRIu64 " bytes are in flight", total);
    for (unsigned i = 0; i < MODEL_RECORDS; i++) {
        struct text name = world->model.channels[i].name;
        uint64_t hash = hash_text(&world->workers[0].worker->options->key, name);
        uint64_t held = atomic_load(&flow->cells[hash & (FLOW_CELLS - 1)]);
        if (held > total || held > FLOW_CHANNEL_BYTES + overshoot)
            fail("%" PRIu64 " bytes of channel %u are in flight, of %" PRIu64, held, i, total);
    }
}

void inspect_worker(struct world_worker *worker)
{
    look_at_evicted(worker);
    for (unsigned i = 0; i < MODEL_RECORDS; i++) {
        const struct channel *channel = world_record(worker->worker, i);
        if (channel)
            inspect_history(worker, i, channel);
    }
    for (unsigned i = 0; i < world->client_count; i++) {
        struct client *client = world->clients[i];
        if (client->worker == worker->worker && client->socket->len)
            client_read(client);
    }
}

/* --- counters -------------------------------------------------------------------------------- */

struct sums {
    uint64_t lagging, slow, channels, held, events, bytes;
};

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* No worker before this one has the channel, as the roll knows it: by its hash. */
static bool is_first(unsigned worker, const struct channel *channel)
{
    const struct channels *own = &world->workers[worker].worker->channels;
    unsigned first = 0;
    while (first < worker &&
           !channels_of_hash(&world->workers[first].worker->channels, channel->hash))
        first++;
    return world->worker_count == 1 ||
           (first == worker && channels_of_hash(own, channel->hash) == channel);
}

static struct sums count_all(void)
{
    struct sums sums = {0};
    for (unsigned w = 0; w < world->worker_count; w++) {
        const struct worker *worker = world->workers[w].worker;
        struct sums own = {0};
        for (uint32_t i = 0; i < worker->records.used; i++) {
            const struct subscriber *subscriber = &worker->subscribers[i];
            if (subscriber->state == SUBSCRIBER_FREE)
                continue;
            sums.lagging += (subscriber->flags & SUBSCRIBER_LAGGING) != 0;
            sums.slow += (subscriber->flags & SUBSCRIBER_SLOW) != 0;
        }
        struct channel *records[WORLD_RECORDS_MAX];
        size_t count = world_records(worker, records);
        for (size_t i = 0; i < count; i++) {
            const struct channel *channel = records[i];
            sums.channels +=
                !channel->closed && channel != worker->channels.all && is_first(w, channel);
            sums.held += channel->held;
            own.events += history_count(&channel->history);
            uint64_t bytes = 0;
            for (uint64_t at = channel->history.begin; at < channel->history.end; at++)
                bytes += history_at(&channel->history, at)->len;
            expect_equal("the sum of a history's frames", bytes, channel->history.bytes);
            own.bytes += bytes;
        }
        sums.events = most(sums.events, own.events);
        sums.bytes = most(sums.bytes, own.bytes);
    }
    return sums;
}

void inspect_counters(void)
{
    struct stats stats;
    hub_stats(world->hub, &stats);
    uint64_t open = 0, events = 0, bytes = 0;
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        open += client->socket->state == SIM_OPEN;
        events += client_whole_events(client);
        bytes += client->socket->taken;
    }
    struct sums sums = count_all();
    expect_equal("published", stats.published, hub_next_sequence(world->hub) - 1 - world->commands);
    expect_equal("joined", stats.joined, world->joined);
    expect_equal("refused_full", stats.refused_full, world->refused);
    expect_equal("subscribers", stats.subscribers, open);
    expect_equal("joined less all closed",
                 stats.joined - stats.closed_gone - stats.closed_slow - stats.closed_limit -
                     stats.closed_error - stats.closed_drain - stats.closed_cut -
                     stats.closed_asked - stats.closed_token_expired - stats.closed_ended -
                     stats.closed_channel - stats.closed_stuck,
                 open);
    expect_equal("closed_error", stats.closed_error, 0);
    expect_equal("refused_memory", stats.refused_memory, 0);
    expect_equal("subscribers_lagging", stats.subscribers_lagging, sums.lagging);
    expect_equal("subscribers_slow", stats.subscribers_slow, sums.slow);
    expect_equal("channels", stats.channels, sums.channels);
    expect_equal("channels_held", stats.channels_held, sums.held);
    expect_equal("history_events", stats.history_events, sums.events);
    expect_equal("history_bytes", stats.history_bytes, sums.bytes);
    if (world->deaths)
        return;
    expect_equal("deliveries", stats.deliveries, events);
    expect_equal("delivered_bytes", stats.delivered_bytes, bytes);
}

/* A socket that refuses a heartbeat without need is tried again at the end of its window. */
static bool may_refuse(const struct subscriber *subscriber)
{
    return world->options.slow_after_ms > 1000 &&
           sim_socket_find(&world->sim, subscriber->handle)->mischief;
}

/* Nobody is left without a word for longer than the heartbeat's time, a tick and what a worker here
 * may stand still. */
void inspect_silence(void)
{
    int64_t slack_ms = 250 + 2 * (world_tick_ns() / 1000000) + 100;
    for (unsigned w = 0; w < world->worker_count; w++) {
        const struct worker *worker = world->workers[w].worker;
        if (!world->options.heartbeat_s || worker->drain.under_way || worker->stopped)
            continue;
        for (uint32_t i = 0; i < worker->records.used; i++) {
            const struct subscriber *subscriber = &worker->subscribers[i];
            int64_t silence_ms = (uint32_t)(world->sim.now_ns / 1000000) - subscriber->written_ms;
            if (subscriber->state == SUBSCRIBER_CURRENT && !may_refuse(subscriber) &&
                silence_ms > world->options.heartbeat_s * 1000 + slack_ms)
                fail("worker %u has written nothing to subscriber %u for %" PRId64 " ms", w, i,
                     silence_ms);
        }
    }
}

void inspect_stuck(void)
{
    int64_t slack_ms = 1000 + 2 * (world_tick_ns() / 1000000) + 100;
    for (unsigned w = 0; w < world->worker_count; w++) {
        const struct worker *worker = world->workers[w].worker;
        for (uint32_t i = 0; i < worker->records.used && !worker->stopped; i++) {
            const struct subscriber *subscriber = &worker->subscribers[i];
            int64_t silence_ms = (uint32_t)(world->sim.now_ns / 1000000) - subscriber->written_ms;
            if (subscriber->state == SUBSCRIBER_BLOCKED && world->options.write_timeout_ms &&
                !(subscriber->flags & SUBSCRIBER_STUCK) &&
                silence_ms > world->options.write_timeout_ms + slack_ms)
                fail("worker %u: subscriber %u has taken nothing for %" PRId64 " ms", w, i,
                     silence_ms);
        }
    }
}

/* A long poll's time is over a tick after it, and what a worker here may stand still. */
void inspect_polls(void)
{
    int64_t slack_ms = 250 + 2 * (world_tick_ns() / 1000000) + 100;
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        if (!client_is_connected(client) || !client->polls || client->worker->drain.under_way ||
            client->worker->stopped)
            continue;
        const struct subscriber *subscriber = &client->worker->subscribers[client->socket->owner];
        int64_t waited_ms = (client->worker->now_ns - client->joined_ns) / 1000000;
        if (subscriber->state == SUBSCRIBER_CURRENT && waited_ms > client->wait_ms + slack_ms)
            fail("client %u polls for %u ms and is still there after %" PRId64 " ms",
                 client->number, client->wait_ms, waited_ms);
    }
}

void inspect_expired(void)
{
    int64_t slack_ms = 250 + 2 * (world_tick_ns() / 1000000) + 100;
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        if (client->socket->state != SIM_OPEN || client->worker->drain.under_way)
            continue;
        int64_t joined_ms_ago = (client->worker->now_ns - client->joined_ns) / 1000000;
        int64_t most_ms = EXPIRED_GRACE_MS + slack_ms;
        if (client_has_expired(client, most_ms * 1000000) && joined_ms_ago > most_ms)
            fail("client %u is still there long after its token has ended", client->number);
    }
}

/* --- at rest --------------------------------------------------------------------------------- */

/* A socket that refused right after it was said to be writable is tried again at the end of its
 * window, not by poll: its client alone may wait that long. */
static bool waits_for_window(const struct client *client)
{
    const struct sim_socket *socket = client->socket;
    const struct subscriber *subscriber = &client->worker->subscribers[socket->owner];
    return subscriber->state == SUBSCRIBER_BLOCKED && !socket->awaited && socket->denied &&
           worker_due_ns(client->worker) <=
               world->sim.now_ns + (int64_t)world->options.slow_after_ms * 1000000;
}

void inspect_forgotten(void)
{
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        bool ends = client_is_connected(client) && client_has_polled(client) && client->events &&
                    client_whole_events(client) == client->events;
        if (ends && !waits_for_window(client))
            fail("client %u has what it polled for, and its worker sleeps", client->number);
        if (client_is_connected(client) && ended_lacks(client) && !waits_for_window(client))
            fail("client %u lacks event %" PRIu64 " and its worker sleeps", client->number,
                 client_next(client));
    }
}

/* What a worker counts for its channels and subscribers is what they hold. */
static void inspect_memory(const struct world_worker *worker)
{
    const struct channels *channels = &worker->worker->channels;
    uint64_t held =
        map_memory(&channels->map) + heap_bytes(channels->list_size * sizeof(struct channel *));
    if (channels->dropped)
        held += heap_bytes(DROPPED_REMEMBERED * sizeof(*channels->dropped));
    struct channel *records[WORLD_RECORDS_MAX];
    size_t count = world_records(worker->worker, records);
    for (size_t i = 0; i < count; i++) {
        const struct channel *channel = records[i];
        const struct history *history = &channel->history;
        uint64_t ring = history->ring ? history->mask + UINT64_C(1) : 0;
        uint64_t memory = heap_bytes(ring * sizeof(*history->ring)) + map_memory(&history->ids) +
                          heap_bytes(history->remembered_capacity * sizeof(uint64_t));
        expect_equal("a history's memory", history->memory, memory);
        held += memory + channel_members_memory(channel) +
                heap_bytes(sizeof(*channel) + channel->name_len);
        held += channel->ending ? heap_bytes(sizeof(*channel->ending)) : 0;
    }
    expect_equal("the channels' memory", channels->memory, held);
    held = worker->worker->records.live * (uint64_t)SUBSCRIBER_MEMORY;
    for (uint32_t i = 0; i < worker->worker->records.used; i++) {
        const struct subscriber *subscriber = &worker->worker->subscribers[i];
        if (subscriber->state != SUBSCRIBER_FREE && (subscriber->flags & SUBSCRIBER_MANY))
            held += heap_bytes(sizeof(*subscriber->set) +
                               subscriber->set->count * sizeof(subscriber->set->items[0]));
    }
    expect_equal("the subscribers' memory", worker->worker->memory.subscriber_bytes, held);
}

static bool keeps(const struct world_worker *worker, const struct frame *frame)
{
    struct channel *records[WORLD_RECORDS_MAX];
    size_t count = world_records(worker->worker, records);
    for (size_t i = 0; i < count; i++) {
        const struct history *history = &records[i]->history;
        uint64_t place = history_after(history, frame->sequence - 1);
        if (place < history->end && history_at(history, place) == frame)
            return true;
    }
    return false;
}

/* The bytes of the frames that this worker keeps; of those that no worker before it keeps in
 * *ret_first. */
static uint64_t kept_bytes(unsigned index, uint64_t *ret_first)
{
    uint64_t bytes = 0;
    struct channel *records[WORLD_RECORDS_MAX];
    size_t count = world_records(world->workers[index].worker, records);
    for (size_t i = 0; i < count; i++) {
        const struct history *history = &records[i]->history;
        for (uint64_t place = history->begin; place < history->end; place++) {
            const struct frame *frame = history_at(history, place);
            bytes += frame_memory(frame);
            unsigned w = 0;
            while (w < index && !keeps(&world->workers[w], frame))
                w++;
            *ret_first += w == index ? frame_memory(frame) : 0;
        }
    }
    return bytes;
}

/* What all workers together count against memory_max is what there is, and no less. */
static void inspect_flow_memory(struct flow *flow)
{
    uint64_t frames = 0, records = flow->ledger.memory + roll_memory(&flow->roll) +
                                   (flow->closes ? CLOSES_BYTES : 0);
    for (unsigned w = 0; w < world->worker_count; w++) {
        const struct worker *worker = world->workers[w].worker;
        expect_equal("the memory of kept frames", worker->memory.kept_bytes,
                     kept_bytes(w, &frames));
        records += worker->channels.memory + worker->memory.subscriber_bytes;
    }
    expect_equal("the memory of all frames", atomic_load(&flow->frame_bytes), frames);
    expect_equal("the memory of all records", atomic_load(&flow->record_bytes), records);
}

/* A seat is held as long as its stream is there, and no longer. */
static void inspect_seats(void)
{
    uint32_t held = 0, counted = 0;
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        bool over = client->socket->state == SIM_CLOSED || client->socket->state == SIM_REFUSED;
        if (client->seated && client->left != over)
            fail("client %u has %s its seat", client->number, client->left ? "left" : "kept");
        held += client->seated && !client->left && client->socket->state == SIM_OPEN;
    }
    for (unsigned i = 0; i < world->worker_count; i++)
        counted += world->workers[i].worker->seats.count;
    expect_equal("the seats that are held", counted, held);
}

void inspect_rest(void)
{
    struct flow *flow = world->workers[0].worker->flow;
    inspect_flow_memory(flow);
    inspect_seats();
    presence_rest();
    for (unsigned i = 0; i < world->worker_count; i++) {
        const struct worker *worker = world->workers[i].worker;
        expect_equal("a worker's position at rest", worker->position,
                     hub_next_sequence(world->hub));
        inspect_memory(&world->workers[i]);
        expect_equal("lagging subscribers at rest", worker->lag.live, 0);
        expect_equal("subscribers with a reservation", atomic_load(&worker->reserved),
                     worker->records.live);
    }
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        if (!client_is_connected(client))
            continue;
        steer_rest(client);
        if (command_kick(client) || client->ended_at)
            fail("client %u is connected although everybody was kicked", client->number);
        ended_rest(client);
        if (client_has_expired(client, 1000000000))
            fail("client %u is connected although its token has ended", client->number);
        if (ended_lacks(client) && !client_has_expired(client, 0))
            fail("client %u lacks event %" PRIu64 " although everything is quiet", client->number,
                 client_next(client));
        if (!client->greeted || client->gaps_seen != client->gap_count ||
            client->first_seen != client->first_count || !reader_is_between(&client->reader))
            fail("client %u is in the middle of something although everything is quiet",
                 client->number);
    }
    expect_equal("the bytes in flight at rest", atomic_load(&flow->total), 0);
    for (uint32_t i = 0; i < FLOW_CELLS; i++)
        if (atomic_load_explicit(&flow->cells[i], memory_order_relaxed))
            fail("cell %u of flow control is not empty although everything is quiet", i);
}
