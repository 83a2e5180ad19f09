/* SPDX-License-Identifier: MIT */
/* The memory ceiling: see relieve.h. */
#include "engine/worker/relieve.h"

#include "engine/base/heap.h"
#include "engine/own_channel.h"
#include "engine/rules.h"
#include "engine/worker/evict.h"
#include "engine/worker/subscriber.h"

/* What it gives up when it evicts: frames, and records, which the other workers have too. */
static uint64_t kept_here(const struct worker *worker)
{
    return worker->memory.kept_bytes + worker->channels.memory * worker->flow->workers;
}

/* A slow one, and one whose time is over, hold nothing but what is theirs alone: the frame that
 * they have begun, and private events. */
static bool holds_memory(const struct subscriber *subscriber, bool much, bool admits)
{
    if (!(subscriber->flags & SUBSCRIBER_LAGGING))
        return false;
    bool waits = subscriber->flags & SUBSCRIBER_PRIVATE;
    if (subscriber_holds_nothing(subscriber))
        return waits || (subscriber->begun && !admits);
    return much && !admits;
}

/* Nothing can be evicted any more and publishers find no room: who is furthest behind holds the
 * most, and is closed, unless all histories here are little: then it is other workers who hold
 * them. While publishers find room, and nobody else does, only who has private events waiting. */
static bool close_furthest(struct worker *worker)
{
    bool much = worker->memory.kept_bytes >= worker->limits.memory_max / 8;
    bool admits = flow_memory_admits(worker->flow);
    struct subscriber *furthest = NULL;
    for (uint32_t i = 0; i < worker->lag.listed; i++) {
        struct subscriber *subscriber = &worker->subscribers[worker->lag.list[i]];
        if (holds_memory(subscriber, much, admits) &&
            (!furthest || subscriber->cursor < furthest->cursor))
            furthest = subscriber;
    }
    if (furthest)
        subscriber_close(worker, furthest, CLOSE_MEMORY);
    return furthest;
}

/* At the ceiling a worker evicts more only every so many turns, for what it evicted is free only
 * once the others have evicted it too. */
#define RELIEVE_TURNS 256

/*
 * How much this worker keeps too much. Frames are shared, so that each worker keeps its own
 * histories, with all records, below seven eighths of what is not the connections'; but workers do
 * not evict in step, and together may keep what no single one does. Near the ceiling each evicts
 * somewhat more, and at it whatever is needed.
 */
static uint64_t too_much(struct worker *worker, uint64_t max)
{
    uint64_t room = flow_memory_room(max);
    uint64_t all = flow_memory(worker->flow);
    uint64_t own = worker->memory.kept_bytes +
                   atomic_load_explicit(&worker->flow->record_bytes, memory_order_relaxed);
    uint64_t bound = room - room / (all > room - room / 16 ? 4 : 8);
    uint64_t excess = own > bound ? own - bound : 0;
    bool full = all >= room && excess == 0;
    worker->memory.full_turns = full ? worker->memory.full_turns + 1 : 0;
    if (full && worker->memory.full_turns % RELIEVE_TURNS == 0)
        excess = room / 16 + 1;
    return excess;
}

/* What was evicted may be of no use to who allocates next (heap.h): after every sixteenth of the
 * room resident memory is looked at, and where it is above what may be, free pages are given back.
 * Not again before it has grown by an eighth, for something else of the process may hold it. */
static void trim_heap(struct worker *worker, uint64_t relieved, uint64_t max)
{
    struct memory *memory = &worker->memory;
    uint64_t room = flow_memory_room(max);
    memory->relieved_bytes += relieved;
    if (memory->relieved_bytes < room / 16)
        return;
    memory->relieved_bytes = 0;
    uint64_t least = worker->flow->resident + room + room / 8;
    if (heap_resident() < (memory->trim_above > least ? memory->trim_above : least))
        return;
    heap_trim();
    COUNT(worker, heap_trims, 1);
    memory->trim_above = heap_resident() + room / 8;
}

/* A worker that has had no memory for the next event for so many turns lets older history go, this
 * part of it: a failure that passes by itself costs nobody anything. */
#define STALLED_TURNS 64
#define STALLED_PART  16

/* Channels looked at in one turn for those of the server's own: some tenths of a millisecond. */
#define OWN_LOOKS 2048

/*
 * Who comes and goes makes events of the server's own, and need not be allowed to publish: what
 * they keep goes before what others have published. They stand anywhere among the channels, so each
 * turn looks at some, from where the last one stopped. How many events went.
 */
static uint32_t relieve_own(struct worker *worker, uint64_t target)
{
    struct channels *channels = &worker->channels;
    uint32_t count = 0;
    if (!(worker->ruling.things & RULES_PRESENCE))
        return 0;
    for (uint32_t looks = 0; looks < OWN_LOOKS && count < RELIEVE_BATCH; looks++) {
        struct channel *channel = channels_walk(channels, WALK_OWN);
        if (!channel || kept_here(worker) <= target) {
            if (!channel)
                channels->walks[WALK_OWN] = NULL; /* anew, with the next turn */
            break;
        }
        channels_pass(channels, WALK_OWN, channel);
        if (!channel_is_own((struct text){channel->name, channel->name_len}))
            continue;
        for (uint32_t part = 1; part > 0; count += part)
            part = evict_part(worker, channel, UINT64_MAX);
        evict_trim(worker, channel);
    }
    return count;
}

/* The channels published to longest ago go first, each with a part of what it has, round by round.
 */
bool relieve(struct worker *worker)
{
    uint64_t max = worker->limits.memory_max;
    bool any = worker->memory.kept_bytes || worker->channels.ended.first || worker->lag.live;
    uint64_t excess = max && any ? too_much(worker, max) : 0;
    if (worker->intake.stalled >= STALLED_TURNS && excess == 0)
        excess = worker->memory.kept_bytes / STALLED_PART;
    if (excess == 0)
        return max && worker->memory.kept_bytes && worker->memory.full_turns > 0;
    uint64_t begin = kept_here(worker);
    uint64_t target = begin > excess ? begin - excess : 0;
    uint32_t count = 0, before = 0;
    while (count < RELIEVE_BATCH && kept_here(worker) > target && evict_an_ending(worker))
        count++;
    count += relieve_own(worker, target);
    struct channel *channel = worker->channels.oldest;
    for (uint32_t looks = 0; channel && looks < RELIEVE_BATCH && count < RELIEVE_BATCH; looks++) {
        struct channel *newer = channel->newer;
        uint64_t kept = kept_here(worker);
        if (kept <= target)
            break;
        count += evict_part(worker, channel, kept - target);
        evict_ended(worker, channel);
        evict_trim(worker, channel); /* gives back, and drops the record if nothing is left */
        channel = newer;
        if (!channel && count > before) {
            channel = worker->channels.oldest;
            before = count;
        }
    }
    if (max)
        trim_heap(worker, begin - kept_here(worker), max);
    if (count == 0 && flow_memory_is_full(worker->flow))
        return close_furthest(worker);
    return count > 0;
}
