/* SPDX-License-Identifier: MIT */
/*
 * A subscriber: one open response. One cache line, so that a sweep touches one line per send.
 *
 * States:
 *   SUBSCRIBER_FREE     the record is in the free list
 *   SUBSCRIBER_CURRENT  has everything up to the last sweep; sweeps write to it
 *   SUBSCRIBER_BEHIND   can take bytes and lacks some (replay, or writable again): in the worker's
 *                       catch-up ring, which sends it its own bytes turn by turn
 *   SUBSCRIBER_BLOCKED  its socket was full; waits for writability
 *   SUBSCRIBER_CLOSING  over; it is still a member of its channels, and nothing is sent to it any
 *                       more. The turn's end takes it out (subscriber_bury), so that within a turn
 *                       nobody's members change but by joins.
 * `cursor` is the newest sequence it had whole. At most one frame is begun: `begun` holds a
 * reference, `begun_offset` says how much of it is written. It lags from its first short send until
 * it has everything (flag LAGGING), and is slow when it took less than the slow rate over a window
 * (flag SLOW), stuck when it took nothing for much longer and is to stay all the same (flag STUCK,
 * until it is told what it will not have, or has everything): see lag.c. Owner: the worker.
 *
 * This file has the records and their changes of state, with the counts that belong to them. It
 * sends nothing and decides nothing: who is slow, what goes out, and when, is said by others.
 */
#pragma once

#include <stdalign.h>

#include "engine/reason.h"
#include "engine/worker/state.h"

enum subscriber_state {
    SUBSCRIBER_FREE,
    SUBSCRIBER_CURRENT,
    SUBSCRIBER_BEHIND,
    SUBSCRIBER_BLOCKED,
    SUBSCRIBER_CLOSING,
};

enum subscriber_flag {
    SUBSCRIBER_MANY = 1,       /* several channels: `set` is used instead of `channel` */
    SUBSCRIBER_FORM = 2,       /* the bits of enum form: see subscriber_form */
    SUBSCRIBER_LAGGING = 4,    /* lacks something since a short send */
    SUBSCRIBER_SLOW = 8,       /* and took too little: holds nobody */
    SUBSCRIBER_LISTED = 16,    /* its index is in the worker's lag list (survives a free) */
    SUBSCRIBER_QUEUED = 32,    /* its index is in the worker's catch-up list (survives a free) */
    SUBSCRIBER_LIMITED = 64,   /* events_left counts down */
    SUBSCRIBER_PROMISED = 128, /* the kernel said writable, and nothing was taken since */
    SUBSCRIBER_BARE = 256,     /* gets no block without data */
    SUBSCRIBER_TIMED = 512,    /* visit.c knows when it has to end */
    SUBSCRIBER_POLLS = 1024,   /* ends with the first that it gets: see subscriber_waits */
    SUBSCRIBER_STUCK = 4096,   /* took nothing for write_timeout: what it lacks is skipped */
    SUBSCRIBER_PRIVATE = 8192, /* events for it alone wait, see private.h: it is not current */
    SUBSCRIBER_SPARED = 2048,  /* it came behind the kick that is under way */
};

/* Never swept with a shared run: it needs bytes of its own. */
#define SUBSCRIBER_SPECIAL (SUBSCRIBER_MANY | SUBSCRIBER_LIMITED | SUBSCRIBER_POLLS)

struct membership {
    struct channel *channel;
    uint64_t told_through; /* of several channels: its losses are told up to here */
    uint32_t position;     /* in channel->members */
    uint16_t first, next;  /* the set's own table: see membership_of */
};

/* The channels of a subscriber to several. A table within finds one of them, by the channel's hash:
 * item h has the `first` item of those whose hash is h modulo count, which are linked by `next`. */
struct channel_set {
    uint64_t told_through; /* lost events to all are told up to here */
    uint32_t count;
    uint32_t rule_list, idle_timeout_ms, lifetime_ms; /* of ruling.h */
    struct membership items[];
};

struct subscriber {
    alignas(64) uint64_t cursor;
    struct frame *begun;
    union {
        struct channel *channel;
        struct channel_set *set;
    };
    uint32_t begun_offset;
    int32_t handle;       /* of the io backend */
    uint32_t position;    /* in channel->members; next free record while free */
    uint32_t events_left; /* with LIMITED; the most with POLLS */
    uint32_t written_ms;  /* when something was last written, for heartbeats */
    union {
        uint32_t window_ms;    /* start of the lag window */
        uint32_t next_closing; /* while CLOSING */
    };
    uint32_t window_bytes;
    uint32_t joined_ms; /* for its lifetime */
    uint32_t event_ms;  /* when it last had an event; while it waits: until when */
    uint16_t flags;
    uint8_t state;
    uint8_t ending; /* enum close_reason: on its way to an end in order, once it has everything,
                       with CLOSE_EXPIRED whatever it lacks; while CLOSING: why it is */
};

static_assert(sizeof(struct subscriber) == 64, "one cache line");

static inline uint32_t subscriber_index(const struct worker *worker,
                                        const struct subscriber *subscriber)
{
    return (uint32_t)(subscriber - worker->subscribers);
}

/* The one place where flags go out, since a mask that is too narrow would take others with it. */
static inline void subscriber_clear(struct subscriber *subscriber, unsigned flags)
{
    subscriber->flags = (uint16_t)(subscriber->flags & ~flags);
}

#define SUBSCRIBER_FORM_SHIFT 1
static_assert((FORM_COUNT - 1) << SUBSCRIBER_FORM_SHIFT == SUBSCRIBER_FORM,
              "one flag for each bit");

static inline enum form subscriber_form(const struct subscriber *subscriber)
{
    return (enum form)((subscriber->flags & SUBSCRIBER_FORM) >> SUBSCRIBER_FORM_SHIFT);
}

/* A long poll that had nothing yet. With its first events, or when its time is over, it is LIMITED
 * to those, and ends. */
static inline bool subscriber_waits(const struct subscriber *subscriber)
{
    return (subscriber->flags & (SUBSCRIBER_POLLS | SUBSCRIBER_LIMITED)) == SUBSCRIBER_POLLS;
}

/* A response of so many events that has all of them, or a long poll that has had its first: what it
 * still gets is the end, whatever comes. */
static inline bool subscriber_is_served(const struct subscriber *subscriber)
{
    return (subscriber->flags & SUBSCRIBER_LIMITED) &&
           ((subscriber->flags & SUBSCRIBER_POLLS) || subscriber->events_left == 0);
}

/* It is to get something that it does not have yet. */
static inline bool subscriber_lacks(const struct subscriber *subscriber)
{
    return subscriber->state == SUBSCRIBER_BEHIND || subscriber->state == SUBSCRIBER_BLOCKED;
}

/* Nothing of what it lacks waits for it: it is slow, or not to have it any more. */
static inline bool subscriber_holds_nothing(const struct subscriber *subscriber)
{
    return (subscriber->flags & SUBSCRIBER_SLOW) || subscriber->ending == CLOSE_EXPIRED;
}

/* --- records and channels -------------------------------------------------------------------- */

/* NULL: all are in use. */
struct subscriber *subscriber_new(struct worker *worker);
/* Lists the channels, and makes the table. */
void channel_set_fill(struct channel_set *set, struct channel *const *channels, uint32_t count);
/* Of one of the set's channels. */
struct membership *membership_of(struct channel_set *set, const struct channel *channel);
MUST_USE int subscriber_join(struct worker *worker, struct subscriber *subscriber,
                             struct channel *const *channels, unsigned count);
/* Of that channel; false: it has none. *ret_membership as above. */
bool subscriber_listens(const struct subscriber *subscriber, const struct channel *channel,
                        struct membership *ret_membership);
struct membership *subscriber_memberships(struct subscriber *subscriber, struct membership *single,
                                          uint32_t *ret_count);

/* --- states ---------------------------------------------------------------------------------- */

void subscriber_set_state(struct worker *worker, struct subscriber *subscriber,
                          enum subscriber_state state);
/* Has it wait in the catch-up ring, if it does not already. */
void subscriber_queue(struct worker *worker, struct subscriber *subscriber);
/* Its socket is full: it lags from now on. */
void subscriber_block(struct worker *worker, struct subscriber *subscriber, bool took_any);
/* It lags no more, and is not slow. */
void subscriber_caught_up(struct worker *worker, struct subscriber *subscriber);

/* --- its end --------------------------------------------------------------------------------- */

/* To be ended in order as soon as it has everything; and what counts as the reason when a response
 * has ended in order. */
bool subscriber_is_ending(const struct worker *worker, const struct subscriber *subscriber);
/* Ends its response in order: what it lacks, a `retry:` of its own, the last chunk. Who is on its
 * way to an end already keeps that reason. */
void subscriber_end(struct worker *worker, struct subscriber *subscriber, enum close_reason reason);
/* All of them, so that nothing will follow what is there. */
bool subscriber_channels_ended(const struct subscriber *subscriber);
/* One of them was closed. */
bool subscriber_is_closed_on(const struct subscriber *subscriber);
enum close_reason subscriber_end_reason(const struct worker *worker,
                                        const struct subscriber *subscriber);
/* Counts it out and has it wait for subscriber_bury. */
void subscriber_close(struct worker *worker, struct subscriber *subscriber,
                      enum close_reason reason);
void subscriber_close_all(struct worker *worker, enum close_reason reason);
/* One of its channels is closed: who holds something of it is told, if it has others. */
void subscriber_let_go_of(struct worker *worker, const struct subscriber *subscriber,
                          const struct channel *channel);
/* The turn's end, while nothing is queued: those that were closed leave their channels, their
 * sockets go, and their records may be used again. */
void subscriber_bury(struct worker *worker);
/* Gives up a record without a socket: one that has joined, and one that has not. */
void subscriber_abandon(struct worker *worker, struct subscriber *subscriber);
void subscriber_release(struct worker *worker, struct subscriber *subscriber);
