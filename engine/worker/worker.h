/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread that owns subscribers and writes to them.
 *
 * Each turn (worker_turn) does a bounded piece of everything: orders and hand-offs, events from the
 * inbox into their channels' histories, a slice of the sweeps that are due, the subscribers that
 * catch up, what the kernel reported, timers. It parks when a turn finds nothing to do. Invariants:
 *   - everything but `inbox`, `reserved` and `counters` belongs to the worker's thread;
 *   - a frame is taken in sequence, so all channels together are complete up to `position`;
 *   - between two flushes nothing that a queued send points to is freed, moved or evicted: records
 *     freed meanwhile rest in `graveyard`, frames in `sends[].kept`;
 *   - memory is allocated when subscribers or channels come and when a history grows, not when
 *     events are delivered.
 *
 * Files: worker.c (thread, turn, timers), subscriber.c (records: make, join channels, close),
 * sweep.c (shared runs, eviction, giving back), send.c (the batch of sends, own runs, short sends),
 * lag.c (who is slow), join.c (hand-offs, resume), gap.c (gap notices).
 */
#pragma once

#include <pthread.h>

#include "engine/channel.h"
#include "engine/flow.h"
#include "engine/hub.h"
#include "engine/inbox.h"
#include "engine/io/io.h"
#include "engine/stats.h"
#include "engine/worker/subscriber.h"

/* What a run's bytes are made of: frame i ends at `end`, counted from the run's first byte. */
struct item {
    struct frame *frame;
    uint32_t end;
};

/* Bytes and items that live until the arena is emptied. */
struct arena {
    char *bytes;
    struct item *items;
    uint32_t bytes_used, bytes_size;
    uint32_t items_used, items_size;
};

/* Some of a channel's frames laid end to end, shared by all subscribers that need them. */
struct run {
    struct channel *channel; /* NULL: none */
    const char *bytes;
    const struct item *items;
    uint32_t count;
    uint64_t last; /* sequence of the last */
};

/* One queued send, kept until its flush says how it went. */
struct send {
    uint32_t subscriber;
    uint32_t first, count; /* items */
    const struct item *items;
    uint32_t start; /* byte of the first item's coordinate where the send begins */
    uint32_t len;
    uint32_t skip;          /* bytes of the first item's frame written earlier */
    uint32_t events_left;   /* before */
    uint64_t cursor;        /* before */
    uint32_t written_ms;    /* before */
    struct frame *kept;     /* the begun frame's reference */
    struct frame *kept_gap; /* the gap notice's reference */
    uint32_t events;        /* in it */
    bool own;               /* from send_own: its flush decides what comes next */
    bool ends;              /* carries the last chunk */
    bool is_short;
    int32_t result; /* if short */
};

/* What is asked of a laggard: see lag.c. */
struct demand {
    uint64_t rate; /* bytes per second */
    uint32_t window_ms;
};

enum close_reason {
    CLOSE_GONE,
    CLOSE_SLOW,
    CLOSE_LIMIT,
    CLOSE_ERROR,
    CLOSE_DRAIN,
    CLOSE_CUT,
    CLOSE_STUCK,
    CLOSE_IDLE,
    CLOSE_AGE,
    CLOSE_MEMORY,
};

struct handoff; /* join.c */
struct order;   /* worker.c */

struct worker_options {
    struct hub_options hub;
    struct hash_key key;
    uint64_t epoch;
    bool use_uring;
    uint32_t sockets; /* the most subscribers */
};

struct worker {
    /* Shared: see inbox.h; `reserved` counts hand-offs and subscribers, by hub and worker. */
    struct inbox inbox;
    _Atomic uint32_t reserved;
    struct {
#define X(name, kind, help) _Atomic uint64_t name;
        STATS_TABLE(X)
#undef X
    } counters; /* written by the worker alone, relaxed */

    /* Constant after start. */
    const struct worker_options *options;
    struct flow *flow;
    pthread_t thread;
    struct io *io;

    /* The worker's own. */
    struct hub_options limits; /* its own copy, which hub_reload changes */
    int64_t now_ns;
    uint64_t position; /* everything before it is taken */
    struct channels channels;
    struct subscriber *subscribers; /* reserved address space for options->sockets records */
    uint32_t subscribers_used;      /* records ever used */
    uint32_t subscribers_free;      /* first free record, UINT32_MAX: none */
    uint32_t subscriber_count;
    uint32_t graveyard; /* freed since the last flush, same links */
    struct channel *dirty_first, *dirty_last;
    struct channel *finishing; /* visited; the next flush ends their sweeps */
    struct run run;
    struct arena run_arena, scratch;
    struct send *sends; /* SEND_BATCH */
    uint32_t send_count;
    uint64_t batch_events, batch_bytes; /* of the sends queued since the last flush */
    uint32_t *catch_up;                 /* ring of subscriber indices, options->sockets */
    uint32_t catch_up_first, catch_up_count;
    uint32_t *lagging; /* subscriber indices */
    uint32_t lagging_count;
    uint32_t lagging_live; /* of them, those that lag */
    uint32_t slow_live;    /* of those, the slow ones */
    int64_t lag_due_ns;    /* earliest end of a lag window; INT64_MAX: none */
    int64_t tick_due_ns;
    uint32_t visit_next; /* next record to look at for heartbeats and timeouts */
    uint64_t visit_left; /* records that are due to be looked at */
    int64_t planned_ns;  /* when visits were planned last */
    uint32_t lag_next;   /* in `lagging`: where the round under way goes on */
    int64_t lag_round_due_ns;
    struct demand demand;                         /* of that round */
    struct handoff *waiting_first, *waiting_last; /* hand-offs ahead of `position` */
    struct item heartbeats[2];                    /* chunked and plain */
    struct frame *last_chunk;
    uint64_t freed_bytes;   /* of published frames, since the last turn's end */
    uint64_t kept_bytes;    /* memory of the frames in this worker's histories */
    uint32_t relieve_turns; /* for which memory_max was reached by others as well, see evict.c */
    bool freed_room;        /* this turn gave something back: waiters are woken at its end */
    bool draining;
    struct order *drain;  /* made early, so that leaving needs no memory */
    uint64_t drain_final; /* the first sequence that will never be claimed; 0: no drain yet */
    int64_t drain_due_ns;
    uint32_t drain_slot;
    bool stopped;
};

#define COUNT(worker, name, amount)                                                                \
    atomic_store_explicit(&(worker)->counters.name,                                                \
                          atomic_load_explicit(&(worker)->counters.name, memory_order_relaxed) +   \
                              (amount),                                                            \
                          memory_order_relaxed)

/* --- worker.c: hub's thread ---------------------------------------------------------------- */

MUST_USE int worker_init(struct worker *worker, const struct worker_options *options,
                         struct flow *flow);
/* Opens the io backend on the new thread and waits until it runs or has failed. */
MUST_USE int worker_start(struct worker *worker);
/* Gives the worker other limits from its next turn on. -ENOMEM: it keeps the old ones. */
MUST_USE int worker_reload(struct worker *worker, const struct hub_options *limits);
/* Orders the drain: everything before `final`, then goodbyes, at most drain_timeout_ms. Once. */
void worker_drain(struct worker *worker, uint64_t final);
void worker_join(struct worker *worker);
void worker_deinit(struct worker *worker);

/* Any thread, after puts or posts. */
void worker_wake(struct worker *worker);

/* --- one turn and its parts: the worker's thread -------------------------------------------- */

/* True if it found something to do. */
bool worker_turn(struct worker *worker);
int64_t worker_due_ns(const struct worker *worker);

static inline uint32_t worker_ms(const struct worker *worker)
{
    return (uint32_t)(worker->now_ns / 1000000);
}

/* subscriber.c */
struct subscriber *subscriber_new(struct worker *worker);
static inline uint32_t subscriber_index(const struct worker *worker,
                                        const struct subscriber *subscriber)
{
    return (uint32_t)(subscriber - worker->subscribers);
}
MUST_USE int subscriber_join(struct worker *worker, struct subscriber *subscriber,
                             struct channel *const *channels, unsigned count);
struct membership *subscriber_memberships(struct subscriber *subscriber, struct membership *single,
                                          uint32_t *ret_count);
void subscriber_set_state(struct worker *worker, struct subscriber *subscriber,
                          enum subscriber_state state);
void subscriber_close(struct worker *worker, struct subscriber *subscriber,
                      enum close_reason reason);
/* Gives up a record without a socket: one that has joined, and one that has not. */
void subscriber_abandon(struct worker *worker, struct subscriber *subscriber);
void subscriber_release(struct worker *worker, struct subscriber *subscriber);
void subscribers_bury(struct worker *worker);
/* To be ended in order as soon as it has everything; and what counts as the reason when a response
 * has ended in order. */
bool subscriber_is_ending(const struct worker *worker, const struct subscriber *subscriber);
enum close_reason subscriber_end_reason(const struct worker *worker,
                                        const struct subscriber *subscriber);

/* sweep.c */
/* The channel's record, made if there is none; NULL: no memory, or CHANNELS_MAX. */
struct channel *worker_channel(struct worker *worker, uint64_t hash, struct text name);
void worker_append(struct worker *worker, struct frame *frame);
void channel_mark_dirty(struct worker *worker, struct channel *channel);
bool worker_sweep(struct worker *worker);

/* evict.c */
/* Evicts what the limits and the readers allow; drops the record if nothing is left of it (then the
 * pointer is gone and the answer true). Not while sends are queued. */
bool channel_trim(struct worker *worker, struct channel *channel);
/* Keeps the worker's histories within memory_max: a bounded piece, true if there is more to do. */
bool worker_relieve(struct worker *worker);
/* Gives up a reference to a published frame; what became free is given back at the end of the turn.
 */
void worker_release(struct worker *worker, struct frame *frame);
void worker_expire(struct worker *worker);
/* One worker has swept this frame: its bytes in flight go down if it was the last one. */
void worker_give_back(struct worker *worker, struct frame *frame);
/* The channel's oldest frame goes, whoever needs it. */
void worker_evict(struct worker *worker, struct channel *channel);
/* The record goes; it has no members and no frames. */
void worker_discard(struct worker *worker, struct channel *channel);

/* send.c */
MUST_USE int sends_init(struct worker *worker);
void sends_deinit(struct worker *worker);
/* Queues one send and notes the subscriber as it is; the caller then moves it as if the send went
 * out whole. There must be room in the batch. */
struct send *send_queue(struct worker *worker, struct subscriber *subscriber, const char *bytes,
                        uint32_t len);
/* Sends the subscriber what it lacks, about CATCH_UP_BYTES at most: how much was queued. */
uint32_t send_own(struct worker *worker, struct subscriber *subscriber);
void worker_flush(struct worker *worker);
void catch_up_add(struct worker *worker, struct subscriber *subscriber);
bool worker_catch_up(struct worker *worker);
void send_heartbeat(struct worker *worker, struct subscriber *subscriber);
bool worker_events(struct worker *worker);

/* lag.c */
void lag_blocked(struct worker *worker, struct subscriber *subscriber, bool took_any);
void lag_ended(struct worker *worker, struct subscriber *subscriber);
/* A slice of what is due; true if more of it is. */
bool lag_check(struct worker *worker);

/* join.c */
struct handoff *handoff_new(const struct subscribe_request *request, const struct hash_key *key);
struct message *handoff_message(struct handoff *handoff);
struct handoff *handoff_free(struct handoff *handoff);
void worker_take_handoff(struct worker *worker, struct message *message);
bool worker_adopt(struct worker *worker);
void worker_refuse_waiting(struct worker *worker);

/* gap.c */
/* Why events are missing. `everywhere`: each channel lost something and nobody knows how much. */
struct gap {
    const char *reason;
    bool everywhere;
    bool plain;
    struct text from;  /* the resume point as the client gave it; NULL: not to be repeated */
    uint64_t sequence; /* the position it stands for */
};
/* Whether events after `sequence` (and after what was told already) are gone. */
bool gap_is_due(struct subscriber *subscriber, uint64_t sequence);
/* A private frame with one gap event per channel that lost something, the last with the id of the
 * position that follows, which is the frame's sequence. NULL: no memory. */
MUST_USE struct frame *gap_frame(struct worker *worker, struct subscriber *subscriber,
                                 const struct gap *gap);
/* The notice is begun, so it will be whole: all that is evicted by now counts as told. */
void gap_was_told(struct subscriber *subscriber);
