/* SPDX-License-Identifier: MIT */
/*
 * The hub: the sequence, the workers, and the calls that reach them. See hub.h.
 *
 * Length: the engine's whole face, each call a few lines.
 */
#include "engine/hub.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "engine/base/gate.h"
#include "engine/base/heap.h"
#include "engine/base/machine.h"
#include "engine/closes.h"
#include "engine/flow.h"
#include "engine/base/clock.h"
#include "engine/backend.h"
#include "engine/limits.h"
#include "engine/mutation.h"
#include "engine/subscriber_id.h"
#include "engine/worker/ruling.h"
#include "engine/worker/worker.h"

/* In the sequence word: that the hub is closed, so that this and claiming cannot overlap; that
 * there are ends in the ledger; that there ever was a frame that the ledger has to know. Numbers
 * have the 48 bits below (history.c relies on it, too). */
#define CLOSED_BIT (UINT64_C(1) << 63)
#define LEDGER_BIT (UINT64_C(1) << 62)
#define NOTES_BIT  (UINT64_C(1) << 61)
#define MARKS      (CLOSED_BIT | LEDGER_BIT | NOTES_BIT)

/* Slots of a ring that may still be closing, and descriptors of threads, listeners and logs. */
#define DESCRIPTORS_KEPT 256u

struct hub {
    /* The next sequence to claim, and MARKS. A claim is a compare-and-swap, never an add. */
    alignas(64) _Atomic uint64_t next;
    alignas(64) _Atomic uint64_t publish_busy;
    _Atomic uint64_t refused_full;
    _Atomic uint64_t wakes;
    _Atomic uint64_t controls_refused;
    _Atomic uint64_t wishes_refused;
    struct control_load controls, wishes; /* under way */
    _Atomic uint64_t commands;            /* which have numbers, and are no events */
    _Atomic uint64_t closes;
    _Atomic uint64_t subscribers; /* ids that were given */
    /* Numbers below it are known to have free slots in all inboxes. It only grows, and is looked
     * for anew when it is reached: so publishers look at one word, seldom written, and not at each
     * inbox. */
    alignas(64) _Atomic uint64_t room_end;
    /* Constant after start. */
    struct ids ids;
    struct flow flow;
    struct worker_options options;
    struct worker *workers;
    unsigned worker_count;
    unsigned made; /* workers that are to be freed; those before it */
    bool threadless;
    bool stopped; /* the owner's, as the next one */
    uint32_t drain_most_ms;
    _Atomic bool started; /* once, and for ever; release, after all workers run; acquire by who
                             looks at them */
    /* Whoever posts to workers is inside: what an order to drain is posted behind is taken. */
    struct gate gate;
    struct backend backend;
};

/* --- life ---------------------------------------------------------------------------------- */

void hub_options_default(struct hub_options *options)
{
    struct machine machine;
    machine_read("", &machine);
    *options = (struct hub_options){
        .workers = machine_threads(&machine, 1, WORKERS_MAX),
        .io = IO_AUTO,
        .worker_subscribers = 1u << 20,
        .history_events = 10000,
        .history_bytes = 16u << 20,
        .history_age_s = 3600,
        .end_keep_s = 3600,
        .heartbeat_s = 15,
        .retry_ms = 2000,
        .write_timeout_ms = 300000,
        .slow_after_ms = 1000,
        .slow_rate = 1u << 20,
        .hold_max_ms = 10000,
        .slow = SLOW_DISCONNECT,
        .stuck = STUCK_DISCONNECT,
        .drain_timeout_ms = 8000,
        .memory_max = machine_memory_share(&machine),
    };
}

static int random_bytes(void *bytes, size_t len)
{
    ssize_t got = getrandom(bytes, len, 0);
    return got == (ssize_t)len ? 0 : -EIO;
}

static int make_ids(struct hub *hub)
{
    uint64_t epoch;
    struct hash_key key; /* of its own: what the other one hides is what strangers choose */
    int r = random_bytes(&epoch, sizeof(epoch));
    if (r == 0)
        r = random_bytes(&key, sizeof(key));
    if (r == 0)
        ids_init(&hub->ids, epoch, hub->options.hub.opaque_ids ? &key : NULL);
    hub->options.ids = &hub->ids;
    return r;
}

int hub_new(const struct hub_options *options, struct hub **ret_hub)
{
    if (options->workers < 1 || options->workers > WORKERS_MAX || options->worker_subscribers < 1)
        return -EINVAL;
    struct hub *hub = aligned_alloc(alignof(struct hub), sizeof(*hub));
    if (!hub)
        return -ENOMEM;
    memset(hub, 0, sizeof(*hub));
    gate_init(&hub->gate);
    hub->drain_most_ms = UINT32_MAX;
    atomic_init(&hub->next, 1);
    hub->worker_count = options->workers;
    hub->options.hub = *options;
    int r = random_bytes(&hub->options.key, sizeof(hub->options.key));
    if (r == 0)
        r = make_ids(hub);
    if (r == 0)
        r = flow_init(&hub->flow, options->workers, &hub->options.key);
    if (r == 0)
        r = ruling_make(options, &hub->options.rules);
    if (r == 0) /* who comes and goes is called by them */
        hub->options.hub.subscriber_ids |= (rules_things(hub->options.rules) & RULES_PRESENCE) != 0;
    if (r == 0 && hub->options.hub.subscriber_ids) {
        hub->flow.closes = closes_new();
        r = hub->flow.closes ? 0 : -ENOMEM;
        atomic_init(&hub->flow.record_bytes, CLOSES_BYTES);
    }
    atomic_init(&hub->flow.memory_max, options->memory_max);
    hub->flow.resident = heap_resident();
    hub->workers = aligned_alloc(alignof(struct worker), options->workers * sizeof(struct worker));
    if (r == 0 && !hub->workers)
        r = -ENOMEM;
    if (r < 0) {
        hub_free(hub);
        return r;
    }
    *ret_hub = hub;
    return 0;
}

/* Registered, each ring has a file table of its own, as large as RLIMIT_NOFILE. Else all sockets
 * are descriptors of this one process, its other connections' too. */
static uint32_t worker_sockets(const struct hub *hub)
{
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    bool shared = hub->backend.takes_descriptors;
    /* What is kept is half at most, however much was asked for. */
    uint64_t kept =
        shared ? DESCRIPTORS_KEPT + hub->options.hub.descriptors_kept : DESCRIPTORS_KEPT;
    uint64_t sockets = limit.rlim_cur > 2 * kept ? limit.rlim_cur - kept : limit.rlim_cur / 2;
    if (shared)
        sockets /= hub->worker_count;
    if (sockets > hub->options.hub.worker_subscribers)
        sockets = hub->options.hub.worker_subscribers;
    return sockets ? (uint32_t)sockets : 1;
}

int hub_start_threadless(struct hub *hub,
                         int (*open)(void *context, unsigned index, struct io **ret_io),
                         void *context)
{
    hub->options.sockets = hub->options.hub.worker_subscribers;
    hub->threadless = true;
    atomic_store_explicit(&hub->started, true, memory_order_release);
    for (unsigned i = 0; i < hub->worker_count; i++) {
        int r = worker_init(&hub->workers[i], i, &hub->options, &hub->flow);
        hub->made += r == 0;
        if (r == 0)
            r = open(context, i, &hub->workers[i].io);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool has_started(const struct hub *hub)
{
    return atomic_load_explicit(&hub->started, memory_order_acquire);
}

struct worker *hub_worker(struct hub *hub, unsigned index)
{
    return &hub->workers[index];
}

static void stop_workers(struct hub *hub, unsigned count, uint64_t final)
{
    for (unsigned i = 0; i < count; i++)
        worker_drain_within(&hub->workers[i], final, hub->drain_most_ms);
    for (unsigned i = 0; i < count; i++)
        worker_join(&hub->workers[i]);
}

static void end_workers(struct hub *hub)
{
    for (unsigned i = 0; i < hub->made; i++)
        worker_end(&hub->workers[i]);
}

static void free_workers(struct hub *hub)
{
    for (; hub->made > 0; hub->made--)
        worker_deinit(&hub->workers[hub->made - 1]);
}

static int start_workers(struct hub *hub)
{
    hub->options.open_io = hub->backend.open;
    hub->options.sockets = worker_sockets(hub);
    unsigned running = 0;
    int r = 0;
    while (r == 0 && hub->made < hub->worker_count) {
        r = worker_init(&hub->workers[hub->made], hub->made, &hub->options, &hub->flow);
        hub->made += r == 0;
    }
    while (r == 0 && running < hub->made) {
        r = worker_start(&hub->workers[running]);
        running += r == 0;
    }
    if (r == 0)
        return 0;
    stop_workers(hub, running, 1);
    end_workers(hub);
    free_workers(hub);
    return r;
}

const char *hub_start_error(int r)
{
    return backend_error(r);
}

int hub_start(struct hub *hub)
{
    int r = backend_choose(hub->options.hub.io, &hub->backend);
    if (r == 0)
        r = start_workers(hub);
    /* The limits may leave no room for a ring per worker. */
    if (r < 0 && hub->options.hub.io == IO_AUTO && backend_fall_back(&hub->backend, r))
        r = start_workers(hub);
    if (r == 0)
        atomic_store_explicit(&hub->started, true, memory_order_release);
    return r;
}

struct hub_change {
    uint64_t memory_max;
    unsigned count;
    struct order *orders[WORKERS_MAX];
};

int hub_prepare(struct hub *hub, const struct hub_options *options, struct hub_change **ret_change)
{
    struct rules *rules;
    int r = ruling_make(options, &rules);
    if (r < 0)
        return r;
    struct hub_change *change = calloc(1, sizeof(*change));
    r = change ? 0 : -ENOMEM;
    while (r == 0 && change->count < hub->worker_count) {
        struct order *order = order_new(options, rules);
        r = order ? 0 : -ENOMEM;
        if (order)
            change->orders[change->count++] = order;
    }
    rules_unref(rules);
    if (r < 0) {
        hub_forget(change);
        return r;
    }
    change->memory_max = options->memory_max;
    *ret_change = change;
    return 0;
}

void hub_forget(struct hub_change *change)
{
    for (unsigned i = 0; change && i < change->count; i++)
        order_free(change->orders[i]);
    free(change);
}

void hub_change(struct hub *hub, struct hub_change *change)
{
    atomic_store_explicit(&hub->flow.memory_max, change->memory_max, memory_order_relaxed);
    flow_wake(&hub->flow); /* there may be room now */
    if (has_started(hub) && gate_enter(&hub->gate)) {
        for (unsigned i = 0; i < change->count; i++)
            worker_order(&hub->workers[i], change->orders[i]);
        change->count = 0;
        gate_leave(&hub->gate);
    }
    hub_forget(change);
}

int hub_reload(struct hub *hub, const struct hub_options *options)
{
    struct hub_change *change;
    int r = hub_prepare(hub, options, &change);
    if (r == 0)
        hub_change(hub, change);
    return r;
}

const char *hub_io_name(const struct hub *hub)
{
    return hub->backend.name;
}

bool hub_takes_descriptors(const struct hub *hub)
{
    return hub->backend.takes_descriptors;
}

unsigned hub_workers(const struct hub *hub)
{
    return hub->worker_count;
}

uint32_t hub_worker_capacity(const struct hub *hub)
{
    return hub->options.sockets;
}

void hub_close(struct hub *hub)
{
    atomic_fetch_or_explicit(&hub->next, CLOSED_BIT, memory_order_acq_rel);
    flow_wake(&hub->flow); /* waiters try once more and are told -ESHUTDOWN */
}

static void sum_counters(const struct hub *hub, struct stats *stats)
{
    struct stats most = {0};
    for (unsigned i = 0; i < hub->worker_count; i++) {
#define X(name, kind, help)                                                                        \
    uint64_t own_##name =                                                                          \
        atomic_load_explicit(&hub->workers[i].counters.name, memory_order_relaxed);                \
    stats->name += own_##name;
        STATS_TABLE(X)
#undef X
#define X(name) most.name = own_##name > most.name ? own_##name : most.name;
        STATS_OF_EACH(X)
#undef X
    }
#define X(name) stats->name = most.name;
    STATS_OF_EACH(X)
#undef X
    if (hub->worker_count > 1)
        stats->channels = roll_names(&hub->flow.roll);
}

void hub_stop_within(struct hub *hub, uint32_t most_ms)
{
    hub->drain_most_ms = most_ms;
    hub_stop(hub);
}

void hub_stop(struct hub *hub)
{
    hub_close(hub);
    if (hub->stopped)
        return;
    hub->stopped = true;
    /* Nothing is posted behind the orders that follow. Events may still be stored, which were
     * claimed before it was closed: workers take them all, or give up at the drain's end and leave
     * them to free_workers. */
    gate_shut(&hub->gate);
    if (!has_started(hub))
        return;
    for (unsigned i = 0; hub->threadless && i < hub->made; i++)
        hub->workers[i].io = NULL; /* its owner has closed it */
    if (!hub->threadless)
        stop_workers(hub, hub->worker_count, hub_next_sequence(hub));
    end_workers(hub);
}

struct hub *hub_free(struct hub *hub)
{
    if (!hub)
        return NULL;
    CHECK(hub->stopped || !has_started(hub));
    free_workers(hub);
    gate_deinit(&hub->gate);
    closes_free(hub->flow.closes);
    rules_unref(hub->options.rules);
    flow_deinit(&hub->flow);
    free(hub->workers);
    free(hub);
    return NULL;
}

/* --- publishing ---------------------------------------------------------------------------- */

/* From the first of them on publishers look which they have. */
__attribute__((noinline)) static int make_noted(struct hub *hub, const struct event *event,
                                                uint64_t hash, struct frame **ret_frame)
{
    atomic_fetch_or_explicit(&hub->next, NOTES_BIT, memory_order_acq_rel);
    return frame_new(event, hash, ret_frame);
}

static inline uint64_t hash_of(const struct hub *hub, const struct event *event)
{
    return event->hash          ? event->hash
           : event->channel.len ? hash_text(&hub->options.key, event->channel)
           : event->all         ? channels_hash_of_all(&hub->options.key)
                                : 0;
}

int hub_frame(struct hub *hub, const struct event *event, struct frame **ret_frame)
{
    uint64_t hash = hash_of(hub, event);
    if (__builtin_expect(event->ends || event->key.len, 0))
        return make_noted(hub, event, hash, ret_frame);
    return frame_new(event, hash, ret_frame);
}

int hub_private_frame(const struct event *event, struct frame **ret_frame)
{
    struct event alone = {.channel = TEXT("-"), /* which is in no byte of it */
                          .type = event->type,
                          .data = event->data,
                          .retry_ms = event->retry_ms,
                          .without_data = event->without_data};
    int r = frame_new(&alone, 0, ret_frame);
    if (r == 0)
        frame_make_private(*ret_frame);
    return r;
}

/* Acquires what each worker released, and releases all of it to whoever reads the word. */
__attribute__((noinline)) static uint64_t find_room(struct hub *hub)
{
    uint64_t end = UINT64_MAX;
    for (unsigned i = 0; i < hub->worker_count; i++) {
        uint64_t own = inbox_room_end(&hub->workers[i].inbox);
        end = own < end ? own : end;
    }
    uint64_t known = atomic_load_explicit(&hub->room_end, memory_order_relaxed);
    while (known < end &&
           !atomic_compare_exchange_weak_explicit(&hub->room_end, &known, end, memory_order_acq_rel,
                                                  memory_order_relaxed))
        ;
    return end;
}

static inline bool inboxes_have_room(struct hub *hub, uint64_t first, unsigned count)
{
    return first + count <= atomic_load_explicit(&hub->room_end, memory_order_acquire) ||
           first + count <= find_room(hub);
}

/* Under the mark: whether the ledger lets the frames be published. 0, HUB_ENDED with the first that
 * it does not. Who finds the ledger empty takes the mark away, and its word is an old one then. */
__attribute__((noinline)) static int look_into_ledger(struct hub *hub, struct frame *const *frames,
                                                      unsigned count, uint64_t *ret_first)
{
    struct ledger *ledger = &hub->flow.ledger;
    ledger_lock(ledger);
    unsigned ended = ledger_find_ended(ledger, frames, count);
    if (ledger_is_empty(ledger))
        atomic_fetch_and_explicit(&hub->next, ~LEDGER_BIT, memory_order_acq_rel);
    ledger_unlock(ledger);
    if (ended == count)
        return 0;
    *ret_first = ended;
    return HUB_ENDED;
}

/* 0 and the first of `count` sequences, HUB_BUSY, HUB_ENDED, or -ESHUTDOWN. `noted`: the ledger
 * knows these frames, and is locked. */
static inline int claim(struct hub *hub, struct frame *const *frames, unsigned count, bool noted,
                        uint64_t *ret_first)
{
    uint64_t word = atomic_load_explicit(&hub->next, memory_order_acquire);
    uint64_t sequence;
    bool looked = false;
    do {
        uint64_t first = word;
        if (__builtin_expect(word & MARKS, 0)) {
            if (word & CLOSED_BIT)
                return -ESHUTDOWN;
            bool looks = (word & LEDGER_BIT) && !noted && !MUTATION(end_unseen) &&
                         !(looked && MUTATION(end_looked_once)) &&
                         ledger_may_refuse(&hub->flow.ledger, frames, count);
            int r = looks ? look_into_ledger(hub, frames, count, ret_first) : 0;
            if (r != 0)
                return r;
            looked = true;
            first &= ~MARKS;
        }
        if (!inboxes_have_room(hub, first, count))
            return HUB_BUSY;
        sequence = first;
    } while (!atomic_compare_exchange_weak_explicit(&hub->next, &word, word + count,
                                                    memory_order_acq_rel, memory_order_acquire));
    *ret_first = sequence;
    return 0;
}

static void prepare(struct frame *const *frames, unsigned count, uint32_t references)
{
    int64_t now_ns = clock_coarse_ns(); /* seconds are what it is for */
    for (unsigned i = 0; i < count; i++) {
        frames[i]->born_ns = now_ns;
        atomic_store_explicit(&frames[i]->references, references, memory_order_relaxed);
    }
}

static int busy(struct hub *hub)
{
    atomic_fetch_add_explicit(&hub->publish_busy, 1, memory_order_relaxed);
    return HUB_BUSY;
}

/* Those of one word of sleepers. */
__attribute__((noinline)) static void wake_some(struct hub *hub, unsigned first, uint64_t bits)
{
    for (; bits; bits &= bits - 1) {
        struct worker *worker = &hub->workers[first + (unsigned)__builtin_ctzll(bits)];
        if (!inbox_claim_wake(&worker->inbox))
            continue;
        worker->io->operations->wake(worker->io);
        atomic_fetch_add_explicit(&hub->wakes, 1, memory_order_relaxed);
    }
}

static inline __attribute__((always_inline)) void wake_parked(struct hub *hub)
{
    /* Full fence: pairs with the one in inbox_park. */
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned first = 0; first < hub->worker_count; first += 64) {
        uint64_t bits =
            atomic_load_explicit(&hub->flow.sleepers.words[first / 64], memory_order_relaxed);
        if (bits)
            wake_some(hub, first, bits);
    }
}

bool hub_admits(struct hub *hub, struct event *event, unsigned count)
{
    uint64_t next = atomic_load_explicit(&hub->next, memory_order_acquire);
    if (next & CLOSED_BIT) /* which hub_publish says */
        return true;
    if (inboxes_have_room(hub, next & ~MARKS, count) &&
        flow_admits_hash(&hub->flow, event->hash = hash_of(hub, event)))
        return true;
    (void)busy(hub);
    return false;
}

/* All of them, one after the other; `noted` as for claim. */
static inline __attribute__((always_inline)) int publish_all(struct hub *hub,
                                                             struct frame *const *frames,
                                                             unsigned count, bool noted,
                                                             uint64_t *ret_first)
{
    uint64_t next = atomic_load_explicit(&hub->next, memory_order_relaxed);
    if (__builtin_expect(next & MARKS, 0)) {
        if (next & CLOSED_BIT)
            return -ESHUTDOWN;
        next &= ~MARKS;
    }
    if (!flow_admits(&hub->flow, frames, count) || !inboxes_have_room(hub, next, count))
        return busy(hub);
    prepare(frames, count, hub->worker_count);
    flow_add(&hub->flow, frames, count);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += frame_memory(frames[i]);
    /* Counted before a worker can give it back. */
    atomic_fetch_add_explicit(&hub->flow.frame_bytes, bytes, memory_order_relaxed);
    int r = claim(hub, frames, count, noted, ret_first);
    if (r != 0) {
        flow_subtract(&hub->flow, frames, count);
        atomic_fetch_sub_explicit(&hub->flow.frame_bytes, bytes, memory_order_relaxed);
        prepare(frames, count, 1);
        flow_wake(&hub->flow);
        return r == HUB_BUSY ? busy(hub) : r;
    }
    uint64_t first = *ret_first;
    if (noted)
        ledger_number(&hub->flow.ledger, frames, count, first);
    /* From here to the last store every later event waits for us: stamps and stores, nothing else.
     */
    for (unsigned i = 0; i < count; i++) {
        frame_stamp(frames[i], &hub->ids, first + i);
        conveyor_put(&hub->flow.conveyor, first + i, frames[i]);
    }
    wake_parked(hub);
    return 0;
}

/* Those whose key is not known, under the ledger's lock. It is kept until they are stored: what is
 * claimed is waited for, and to unlock may be a system call. */
static int publish_unknown(struct hub *hub, struct frame **frames, unsigned count,
                           uint64_t *ret_first)
{
    struct ledger *ledger = &hub->flow.ledger;
    struct frame *unknown[PUBLISH_EVENTS_MAX];
    unsigned places[PUBLISH_EVENTS_MAX], left = 0, flags = 0;
    for (unsigned i = 0; i < count; i++) {
        if (frames[i]->sequence)
            continue;
        places[left] = i;
        unknown[left++] = frames[i];
        flags |= frames[i]->flags;
    }
    if (flags & FRAME_ENDS)
        atomic_fetch_or_explicit(&hub->next, LEDGER_BIT, memory_order_acq_rel);
    int r = left ? publish_all(hub, unknown, left, true, ret_first) : 0;
    if (r != 0) {
        ledger_erase(ledger, unknown, left);
        return r;
    }
    for (unsigned i = 0; i < left; i++)
        frames[places[i]] = NULL;
    return left < count ? HUB_KNOWN : 0;
}

/* What the ledger has to know first. */
__attribute__((noinline)) static int publish_noted(struct hub *hub, struct frame **frames,
                                                   unsigned count, uint64_t *ret_first)
{
    struct ledger *ledger = &hub->flow.ledger;
    unsigned index = 0;
    ledger_lock(ledger);
    int r = ledger_note(ledger, frames, count, &index);
    if (r == 0) {
        r = publish_unknown(hub, frames, count, ret_first);
    } else {
        *ret_first = index;
        r = r == LEDGER_ENDED ? HUB_ENDED : r == LEDGER_TWICE ? HUB_TWICE : r;
    }
    ledger_unlock(ledger);
    return r;
}

__attribute__((noinline)) static bool are_to_be_noted(struct frame *const *frames, unsigned count)
{
    unsigned flags = 0;
    for (unsigned i = 0; i < count; i++)
        flags |= frames[i]->flags;
    return flags & (FRAME_ENDS | FRAME_KEYED);
}

int hub_publish(struct hub *hub, struct frame **frames, unsigned count, uint64_t *ret_first)
{
    CHECK(count >= 1 && count <= PUBLISH_EVENTS_MAX);
    uint64_t next = atomic_load_explicit(&hub->next, memory_order_relaxed);
    if (__builtin_expect(next & NOTES_BIT, 0) && are_to_be_noted(frames, count))
        return publish_noted(hub, frames, count, ret_first);
    return publish_all(hub, frames, count, false, ret_first);
}

/* --- commands ------------------------------------------------------------------------------- */

/* Takes the frame, on 0 alone. It counts against no channel's share: to close one that holds its
 * publishers must not wait for that. */
static int publish_command(struct hub *hub, struct frame *frame)
{
    uint64_t bytes = frame_memory(frame), sequence;
    prepare(&frame, 1, hub->worker_count);
    atomic_fetch_add_explicit(&hub->flow.frame_bytes, bytes, memory_order_relaxed);
    int r = claim(hub, &frame, 1, true, &sequence);
    if (r != 0) {
        atomic_fetch_sub_explicit(&hub->flow.frame_bytes, bytes, memory_order_relaxed);
        prepare(&frame, 1, 1);
        return r;
    }
    if (frame->flags & FRAME_CLOSES)
        ledger_close_number(&hub->flow.ledger, frame, sequence);
    frame_stamp(frame, &hub->ids, sequence);
    conveyor_put(&hub->flow.conveyor, sequence, frame);
    wake_parked(hub);
    atomic_fetch_add_explicit(&hub->commands, 1, memory_order_relaxed);
    return 0;
}

int hub_close_channel(struct hub *hub, struct text name)
{
    struct ledger *ledger = &hub->flow.ledger;
    uint64_t hash = hash_text(&hub->options.key, name);
    struct frame *frame = frame_new_command(FRAME_CLOSES, name, hash);
    if (!frame)
        return -ENOMEM;
    ledger_lock(ledger);
    int r = ledger_close_begin(ledger, frame);
    if (r == 0) {
        r = publish_command(hub, frame);
        ledger_close_end(ledger, hash, name);
    }
    ledger_unlock(ledger);
    if (r != 0)
        frame_unref(frame);
    else
        atomic_fetch_add_explicit(&hub->closes, 1, memory_order_relaxed);
    return r;
}

static int end_all(struct hub *hub, enum frame_flag flags)
{
    struct frame *frame = frame_new_command(FRAME_KICKS | flags, TEXT(""), 0);
    int r = frame ? publish_command(hub, frame) : -ENOMEM;
    if (r != 0)
        frame_unref(frame);
    return r;
}

int hub_kick(struct hub *hub)
{
    return end_all(hub, 0);
}

int hub_cut(struct hub *hub)
{
    return end_all(hub, FRAME_AT_ONCE);
}

size_t hub_known_id(struct hub *hub, const struct frame *frame, char out[EVENT_ID_BYTES_MAX])
{
    struct ledger *ledger = &hub->flow.ledger;
    ledger_lock(ledger);
    size_t len = ledger_given_id(ledger, frame, out);
    ledger_unlock(ledger);
    if (len)
        return len;
    id_format(out, &hub->ids, frame->sequence);
    return ID_LEN;
}

void hub_waiter_add(struct hub *hub, struct hub_waiter *waiter, int eventfd)
{
    flow_waiter_add(&hub->flow, waiter, eventfd);
}

void hub_waiter_arm(struct hub *hub, struct hub_waiter *waiter)
{
    flow_waiter_arm(&hub->flow, waiter);
}

void hub_waiter_disarm(struct hub *hub, struct hub_waiter *waiter)
{
    flow_waiter_disarm(&hub->flow, waiter);
}

bool hub_waiter_sleep(struct hub *hub, struct hub_waiter *waiter, int64_t until_ns)
{
    (void)hub;
    return flow_waiter_sleep(waiter, until_ns);
}

void hub_waiter_remove(struct hub *hub, struct hub_waiter *waiter)
{
    flow_waiter_remove(&hub->flow, waiter);
}

/* --- subscribing --------------------------------------------------------------------------- */

uint64_t hub_next_sequence(const struct hub *hub)
{
    return atomic_load_explicit(&hub->next, memory_order_acquire) & ~MARKS;
}

struct ids *hub_ids(struct hub *hub)
{
    return &hub->ids;
}

static struct worker *least_loaded(struct hub *hub)
{
    struct worker *best = NULL;
    uint32_t least = hub->options.sockets;
    for (unsigned i = 0; i < hub->worker_count; i++) {
        struct worker *worker = &hub->workers[i];
        uint32_t reserved = atomic_load_explicit(&worker->reserved, memory_order_relaxed);
        if (reserved < least && !worker_has_failed(worker)) {
            least = reserved;
            best = worker;
        }
    }
    return best;
}

/* Counts the new one already. NULL: all are full. */
static struct worker *reserve_place(struct hub *hub)
{
    for (;;) {
        struct worker *worker = least_loaded(hub);
        if (!worker || atomic_fetch_add_explicit(&worker->reserved, 1, memory_order_relaxed) <
                           hub->options.sockets)
            return worker;
        /* Somebody else took its last place: look again. */
        atomic_fetch_sub_explicit(&worker->reserved, 1, memory_order_relaxed);
    }
}

static bool first_is_long(const struct subscribe_request *request)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < request->first_count && bytes <= FIRST_BYTES_MAX; i++)
        bytes += request->first[i]->len;
    return bytes > FIRST_BYTES_MAX;
}

/* 0: they have none. */
static uint64_t new_subscriber_id(struct hub *hub, const struct worker *worker)
{
    if (!hub->options.hub.subscriber_ids)
        return 0;
    uint64_t given = atomic_fetch_add_explicit(&hub->subscribers, 1, memory_order_relaxed);
    return subscriber_id_of(worker->index, given + 1);
}

/* Inside the gate. */
static int subscribe(struct hub *hub, const struct subscribe_request *request,
                     uint64_t *ret_subscriber)
{
    if (first_is_long(request))
        return -E2BIG;
    if (atomic_load_explicit(&hub->next, memory_order_relaxed) & CLOSED_BIT)
        return -ESHUTDOWN;
    if (flow_memory_is_full(&hub->flow))
        return HUB_NO_MEMORY;
    struct worker *worker = reserve_place(hub);
    if (!worker) {
        atomic_fetch_add_explicit(&hub->refused_full, 1, memory_order_relaxed);
        return HUB_FULL;
    }
    struct handoff *handoff = handoff_new(request, &hub->options.key);
    if (!handoff) {
        atomic_fetch_sub_explicit(&worker->reserved, 1, memory_order_relaxed);
        return -ENOMEM;
    }
    atomic_fetch_add_explicit(&hub->flow.record_bytes, handoff_memory(handoff),
                              memory_order_relaxed);
    uint64_t id = handoff->subscriber = new_subscriber_id(hub, worker);
    inbox_post(&worker->inbox, &handoff->message);
    atomic_thread_fence(memory_order_seq_cst);
    worker_wake(worker);
    if (ret_subscriber)
        *ret_subscriber = id;
    return 0;
}

bool hub_gave_id(const struct hub *hub, uint64_t subscriber)
{
    uint64_t number = subscriber_id_number(subscriber);
    return number > 0 && subscriber_id_worker(subscriber) < hub->worker_count &&
           number <= atomic_load_explicit(&hub->subscribers, memory_order_relaxed);
}

int hub_subscribe(struct hub *hub, const struct subscribe_request *request,
                  uint64_t *ret_subscriber)
{
    if (!gate_enter(&hub->gate))
        return -ESHUTDOWN;
    int r = subscribe(hub, request, ret_subscriber);
    gate_leave(&hub->gate);
    return r;
}

/* --- memory -------------------------------------------------------------------------------- */

void hub_count_memory(struct hub *hub, int64_t bytes)
{
    atomic_fetch_add_explicit(&hub->flow.connection_bytes, (uint64_t)bytes, memory_order_relaxed);
}

bool hub_connections_may_hold(const struct hub *hub, uint64_t more, bool large)
{
    return flow_connections_admit(&hub->flow, more, large);
}

bool hub_memory_is_full(const struct hub *hub)
{
    return flow_memory_is_full(&hub->flow);
}

/* --- looking ------------------------------------------------------------------------------- */

/* After messages to these. */
static void wake_workers(struct hub *hub, unsigned first, unsigned end)
{
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = first; i < end; i++)
        worker_wake(&hub->workers[i]);
}

/* Of events for subscribers a first one may have any size. */
static bool take_load(struct control_load *load, struct control *control, unsigned most)
{
    uint64_t before = atomic_fetch_add_explicit(&load->bytes, control->bytes, memory_order_relaxed);
    bool fits = before == 0 || before + control->bytes <= WISHES_BYTES_MAX;
    if (atomic_fetch_add_explicit(&load->count, 1, memory_order_relaxed) < most && fits) {
        control->load = load;
        return true;
    }
    atomic_fetch_sub_explicit(&load->count, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&load->bytes, control->bytes, memory_order_relaxed);
    return false;
}

/* Inside the gate, as the next one. */
static int post_control(struct hub *hub, struct control *control)
{
    if (atomic_load_explicit(&hub->next, memory_order_relaxed) & CLOSED_BIT)
        return -ESHUTDOWN;
    bool wish = control_is_wish(control);
    if (!take_load(wish ? &hub->wishes : &hub->controls, control,
                   wish ? WISHES_MAX : CONTROLS_MAX)) {
        atomic_fetch_add_explicit(wish ? &hub->wishes_refused : &hub->controls_refused, 1,
                                  memory_order_relaxed);
        return -EBUSY;
    }
    if (control->request.channel.len)
        control->hash = hash_text(&hub->options.key, control->request.channel);
    control->before = hub_next_sequence(hub);
    unsigned first = 0;
    unsigned end = control_is_for_one(control, &first) ? first + 1 : hub->worker_count;
    atomic_init(&control->pending, end - first);
    /* With the last message posted it may be done, and gone. */
    for (unsigned i = first; i < end; i++)
        inbox_post(&hub->workers[i].inbox, &control->parts[wish ? 0 : i].message);
    wake_workers(hub, first, end);
    return 0;
}

int hub_control(struct hub *hub, struct control *control)
{
    CHECK(control->workers == hub->worker_count);
    if (!has_started(hub) || !gate_enter(&hub->gate))
        return -ESHUTDOWN;
    int r = post_control(hub, control);
    gate_leave(&hub->gate);
    return r;
}

static int post_census(struct hub *hub, struct census *census)
{
    if (atomic_load_explicit(&hub->next, memory_order_relaxed) & CLOSED_BIT)
        return -ESHUTDOWN;
    atomic_init(&census->pending, hub->worker_count);
    for (unsigned i = 0; i < hub->worker_count; i++)
        inbox_post(&hub->workers[i].inbox, &census->parts[i].message);
    wake_workers(hub, 0, hub->worker_count);
    return 0;
}

int hub_census(struct hub *hub, struct census *census)
{
    CHECK(census->part_count == hub->worker_count);
    if (!has_started(hub) || !gate_enter(&hub->gate))
        return -ESHUTDOWN;
    int r = post_census(hub, census);
    gate_leave(&hub->gate);
    return r;
}

void hub_stats(struct hub *hub, struct stats *ret_stats)
{
    *ret_stats = (struct stats){0};
    if (has_started(hub))
        sum_counters(hub, ret_stats);
    uint64_t commands = atomic_load_explicit(&hub->commands, memory_order_relaxed);
    ret_stats->published = hub_next_sequence(hub) - 1 - commands;
    ret_stats->channels_closed = atomic_load_explicit(&hub->closes, memory_order_relaxed);
    ret_stats->publish_busy = atomic_load_explicit(&hub->publish_busy, memory_order_relaxed);
    ret_stats->refused_full += atomic_load_explicit(&hub->refused_full, memory_order_relaxed);
    ret_stats->wishes_refused = atomic_load_explicit(&hub->wishes_refused, memory_order_relaxed);
    ret_stats->controls_refused =
        atomic_load_explicit(&hub->controls_refused, memory_order_relaxed);
    ret_stats->wakes = atomic_load_explicit(&hub->wakes, memory_order_relaxed);
    ret_stats->memory_connections =
        atomic_load_explicit(&hub->flow.connection_bytes, memory_order_relaxed);
    ret_stats->memory_records = atomic_load_explicit(&hub->flow.record_bytes, memory_order_relaxed);
    ret_stats->memory_bytes = flow_memory(&hub->flow) + ret_stats->memory_connections;
    ret_stats->memory_max = atomic_load_explicit(&hub->flow.memory_max, memory_order_relaxed);
    ret_stats->in_flight_bytes = atomic_load_explicit(&hub->flow.total, memory_order_relaxed);
}

uint64_t hub_subscribers(const struct hub *hub)
{
    uint64_t subscribers = 0;
    for (unsigned i = 0; hub->started && i < hub->worker_count; i++)
        subscribers += atomic_load_explicit(&hub->workers[i].reserved, memory_order_relaxed);
    return subscribers;
}

void hub_groups(const struct hub *hub, uint64_t ret_subscribers[SUBSCRIBER_GROUPS_MAX])
{
    for (unsigned group = 0; group < SUBSCRIBER_GROUPS_MAX; group++) {
        ret_subscribers[group] = 0;
        for (unsigned i = 0; has_started(hub) && i < hub->worker_count; i++)
            ret_subscribers[group] += atomic_load_explicit(
                &hub->workers[i].groups.subscribers[group], memory_order_relaxed);
    }
}
