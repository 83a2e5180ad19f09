/* SPDX-License-Identifier: MIT */
/*
 * What a worker is: its data, one struct per concern, each changed by the file it is named after.
 *
 * A worker is one thread that owns subscribers and writes to them; worker.h makes and runs it,
 * turn.h says what it does. This header knows no function of theirs, so that all of them can know
 * it. Invariants:
 *   - everything but `inbox`, `reserved` and `counters` belongs to the worker's thread;
 *   - a frame is taken in sequence, so all channels together are complete up to `position`;
 *   - while sends are queued nothing that they point to is freed, moved or evicted: sweeps end, and
 *     subscribers leave, at the turn's end only, when none is; begun frames rest in `kept`;
 *   - sends are queued within a turn alone: between two turns the batch is empty;
 *   - memory is allocated when subscribers or channels come and when a history grows, not when
 *     events are delivered.
 */
#pragma once

#include <pthread.h>

#include "engine/channel.h"
#include "engine/census.h"
#include "engine/control.h"
#include "engine/flow.h"
#include "engine/form.h"
#include "engine/handoff.h"
#include "engine/inbox.h"
#include "engine/io/io.h"
#include "engine/options.h"
#include "engine/rule.h"
#include "engine/slots.h"
#include "engine/stats.h"

struct batch_send; /* batch.h */
struct rules;
struct subscriber; /* subscriber.h */

/* A message of the hub's; hand-offs and controls are the other kinds. */
struct order {
    struct message message; /* MESSAGE_ORDER */
    bool drain;
    uint64_t final;            /* of a drain */
    uint32_t most_ms;          /* likewise: drain_timeout_ms may not last longer */
    struct hub_options limits; /* of a reload */
    struct rules *rules;       /* likewise */
};

/* What a run's bytes are made of: frame i ends at `end`, counted from the run's first byte. */
struct run_part {
    struct frame *frame;
    uint32_t end;
};

/* Bytes and parts that live until the arena is emptied. */
struct arena {
    char *bytes;
    struct run_part *parts;
    uint32_t bytes_used, bytes_size;
    uint32_t parts_used, parts_size;
};

/* Some of a channel's frames laid end to end in one form, shared by all subscribers that need
 * them. */
struct run {
    struct channel *channel; /* NULL: none */
    const char *bytes;
    const struct run_part *parts;
    uint32_t count, len;
    uint64_t first, last; /* sequences */
};

/* intake.c: events taken from the inbox and not in their histories yet. */
#define INTAKE_FRAMES 256u
struct intake {
    struct frame *frames[INTAKE_FRAMES];
    unsigned first, count; /* those from `first` on have to wait */
    uint32_t stalled;      /* turns in a row in which there was no memory for the next one */
    int64_t due_ns;        /* when it is tried again */
};

/* ruling.c: the rules for channels, and the history ages among them. */
struct ruling {
    struct rules *rules;
    const struct rule *items; /* its rules, by index */
    unsigned things;          /* rules_things of it */
    struct rule of_all; /* what holds for the events to all: the most that any of them keeps */
    uint32_t number;    /* of the list: the first one is 1 */
    unsigned age_count, age_next;
    uint32_t ages_s[RULES_MAX + RULES_OURS];
};

/* subscriber.c: which of the records are in use. */
struct records {
    uint32_t used;    /* ever */
    uint32_t free;    /* first free one, UINT32_MAX: none */
    uint32_t closing; /* first that waits for the turn's end, UINT32_MAX: none */
    uint32_t live;
};

/* join.c and subscriber.c: what subscribers hold of the caller's, by index (seat.h). */
struct seats {
    struct seat **of; /* options->sockets; not touched where nobody has one */
    uint32_t count;
};

/* group.h: how many there are of each group. */
struct groups {
    uint8_t *of;                                         /* options->sockets */
    _Atomic uint64_t subscribers[SUBSCRIBER_GROUPS_MAX]; /* the worker's, relaxed; anybody reads */
};

/* identity.c: what is known of subscribers beyond that, by index. */
struct identity;
struct identities {
    struct identity *of;     /* NULL: nobody wants to know */
    uint32_t *buckets;       /* of record indices, and 1; 0: empty */
    uint32_t bucket_count;   /* a power of two */
    uint32_t oldest, newest; /* in order of ids */
    struct identity_walk {
        uint32_t next;   /* record that it looks at next */
        uint64_t after;  /* it is to meet those above this */
        uint64_t number; /* that is looked for in the table next; 0: none is */
    } walk;
};

/* inspect.c: what is asked from outside, answered one after the other. */
struct inspect {
    struct control_part *first, *last;
    uint32_t looks; /* in a slice: INSPECT_LOOKS, but for tests */
};

/* private.c: what waits for one subscriber alone, by index; not touched where nothing does. */
struct privates {
    struct private_queue **of; /* options->sockets */
};

/* dirty.h: the channels that are to be swept, in the order in which they became so. */
struct dirty {
    struct channel *first, *last;
};

/* all.c: the events to all, and who is still to be swept for them; see all.h. */
struct all {
    uint64_t newest;          /* sequence; 0: there never was one */
    uint64_t evicted_through; /* the newest that history has let go */
    uint64_t pending; /* the newest, while there are such as not all are swept for; else 0 */
    uint64_t swept;   /* up to here all are */
    uint64_t through; /* what the round under way is about; 0: none */
    uint32_t next;    /* record that it looks at next */
    uint32_t owing;   /* channels that it has found */
    bool due;         /* its history is to be looked at: see all_settle */
};

/* sweep.c */
struct sweep {
    struct channel *finishing; /* visited; the turn's end ends their sweeps */
    struct run runs[FORM_COUNT];
    struct arena arena; /* of runs */
};

/* worker.c: what is always the same, for one form. */
struct fixed_frames {
    struct run_part comment;
    struct frame *end; /* NULL: the connection's end is it */
};

/* batch.c: the sends queued and not submitted yet, and what is counted for them. */
struct batch {
    struct batch_send *sends; /* SEND_BATCH */
    uint32_t count;
    uint32_t number; /* of batches so far */
    uint64_t events, bytes;
};

/* catch_up.c, and subscriber.c, which puts them there: who is to get what it lacks. */
struct catch_up {
    uint32_t *ring; /* of subscriber indices, options->sockets */
    uint32_t first, count;
    struct arena arena; /* of the private sends of one batch */
};

/* load.c, and turn.c, which counts the time between turns. */
struct load {
    bool idle;         /* the last turn found nothing to do */
    bool is_short;     /* of processor, as far as is known */
    bool is_counted;   /* as such in workers_short: where it was measured */
    int64_t idle_ns;   /* between such turns and the next ones, ever */
    int64_t waited_ns; /* without a processor, ever, when the measure began */
    int64_t since_ns;  /* when it began; 0: nobody measures */
    int64_t idle_before_ns;
};

/* What is asked of a laggard: see lag.c. */
struct demand {
    uint64_t rate; /* bytes per second */
    uint32_t window_ms;
};

/* lag.c, and subscriber.c, which keeps the list and the two counts with the flags. */
struct lag {
    uint32_t *list;  /* subscriber indices, options->sockets */
    uint32_t listed; /* those that lag, and some that did */
    uint32_t live;   /* of them, those that lag */
    uint32_t slow;   /* of those, the slow ones */
    int64_t due_ns;  /* earliest end of a window; INT64_MAX: none */
    uint32_t next;   /* in `list`: where the round under way goes on */
    int64_t round_due_ns;
    int64_t beat_due_ns; /* when everybody who is silent is tried next */
    bool beats;          /* in that round, they are */
    uint32_t round_ms;   /* when it began, and the one before it */
    uint32_t before_ms;
    bool crowded; /* in that round: most readers lag, and this is asked of them */
    struct demand crowd;
};

/* visit.c: heartbeats and timeouts. */
struct visits {
    uint32_t *due_ms;   /* by block of records: none of them is due before it */
    int64_t *ends_ns;   /* by record, of those that are SUBSCRIBER_TIMED: when its token ends; from
                         then on when it is closed */
    uint32_t next, end; /* of the pass under way: the next block, and behind the last */
};

/* join.c: hand-offs ahead of `position`. */
struct arrivals {
    struct handoff *first, *last; /* in the order in which they came */
    uint64_t count;               /* that came so far */
    struct slots slots;           /* of those that cannot be had */
};

/* kick.c: who was here before the latest kick is ended. */
struct kick {
    uint64_t before; /* it had this number: whoever asked before it is not to stay */
    bool under_way, at_once;
    uint32_t next, end; /* records still to be looked at */
};

/* For memory_max: what makes and frees counts, release.c tells flow, evict.c keeps it. */
struct memory {
    uint64_t kept_bytes;       /* of the frames in this worker's histories */
    uint64_t subscriber_bytes; /* records, sets, private frames and hand-offs */
    uint64_t relieved_bytes;   /* evicted for memory_max since resident memory was looked at */
    uint64_t trim_above;       /* resident bytes; 0: not known yet */
    uint64_t told_bytes;       /* of those and channels.memory, what flow knows */
    uint32_t full_turns;       /* for which the maximum was reached by others as well */
};

/* release.c: what this turn gave back so far. */
struct release {
    uint64_t bytes; /* of published frames that are free again */
    bool any;       /* there may be room: waiters are woken at the turn's end */
};

/* drain.c */
struct drain {
    struct order *order; /* made early, so that leaving needs no memory */
    uint64_t final;      /* the first sequence that will never be claimed; 0: no drain yet */
    int64_t due_ns;
    bool under_way; /* everything is taken: whoever has it all is ended */
    uint32_t slot;  /* of the next goodbye */
};

struct worker_options {
    struct hub_options hub;
    struct rules *rules; /* the hub's reference */
    struct hash_key key;
    struct ids *ids; /* the hub's */
    int (*open_io)(uint32_t sockets, struct io **ret_io);
    uint32_t sockets; /* the most subscribers */
};

struct worker {
    /* Shared: see inbox.h; `reserved` counts hand-offs and subscribers, by hub and worker. */
    struct inbox inbox;
    _Atomic uint32_t reserved;
    _Atomic bool failed; /* its io has: no more hand-offs, see worker_fail */
    struct {
#define X(name, kind, help) _Atomic uint64_t name;
        STATS_TABLE(X)
#undef X
    } counters; /* written by the worker alone, relaxed */

    /* Constant after start. */
    const struct worker_options *options;
    unsigned index; /* among the hub's */
    struct flow *flow;
    pthread_t thread;
    struct io
        *io; /* ended by its thread, closed by worker_deinit: who publishes may still wake it */

    /* The worker's own. */
    struct hub_options limits; /* its own copy, which hub_reload changes */
    int64_t now_ns;            /* of this turn */
    int64_t tick_due_ns;       /* turn.c */
    uint64_t position;         /* everything before it is taken */
    struct intake intake;
    struct ruling ruling;
    struct channels channels;
    struct subscriber *subscribers; /* reserved address space for options->sockets records */
    struct records records;
    struct seats seats;
    struct groups groups;
    struct identities identities;
    struct inspect inspect;
    struct privates privates;
    struct dirty dirty;
    struct all all;
    struct sweep sweep;
    struct batch batch;
    struct catch_up catch_up;
    struct lag lag;
    struct load load;
    struct visits visits;
    struct arrivals arrivals;
    struct memory memory;
    struct release release;
    struct drain drain;
    struct kick kick;
    struct fixed_frames forms[FORM_COUNT];
    bool stopped;
};

#define NO_TIME INT64_MAX

#define COUNT(worker, name, amount)                                                                \
    atomic_store_explicit(&(worker)->counters.name,                                                \
                          atomic_load_explicit(&(worker)->counters.name, memory_order_relaxed) +   \
                              (amount),                                                            \
                          memory_order_relaxed)

/* What the kernel answered cannot be gone on with. The worker ends in order: the turn's end closes
 * its subscribers, hand-offs are refused, and the hub gives it none (relaxed: one that crosses this
 * is refused as well). It goes on taking events and giving them back, or publishers would wait for
 * it for ever. */
static inline void worker_fail(struct worker *worker)
{
    if (atomic_load_explicit(&worker->failed, memory_order_relaxed))
        return;
    atomic_store_explicit(&worker->failed, true, memory_order_relaxed);
    COUNT(worker, workers_failed, 1);
}

static inline bool worker_has_failed(const struct worker *worker)
{
    return atomic_load_explicit(&worker->failed, memory_order_relaxed);
}

static inline uint32_t worker_ms(const struct worker *worker)
{
    return (uint32_t)(worker->now_ns / 1000000);
}
