/* SPDX-License-Identifier: MIT */
/*
 * A control: one question about what the workers hold, or a wish for one of their subscribers, on
 * its way through them and back.
 *
 * Nobody looks into a worker's memory. Whoever asks makes a control (control_new) and gives it to
 * hub_control, which sends one message to each worker that has to answer. Each of them writes into
 * its own part of the control, in slices between its sends (engine/worker/inspect.h), and the last
 * one calls `done` on its thread. From then on the control is the asker's again: it reads the
 * answer, merged from the parts, with control_next_..., on whatever thread it wants, and frees it.
 *
 * States: made (the asker's) -> taken by hub_control (the workers') -> done (the asker's). Each
 * control that was taken is done, once: at a drain with -ESHUTDOWN.
 *
 * Answers know of everything that was published before the question, and are as of the slices in
 * which they were gathered, not of one instant. What was there all
 * the while is listed exactly once, what came or went meanwhile once or not at all. Lists come in
 * pages of `limit`, in order, each of what is behind `after`. Counts of a channel that are each
 * worker's own (its subscribers) are summed; of those that all workers have (its history) the
 * largest is taken.
 *
 * Memory is bounded: all of it is allocated by control_new, and at most CONTROLS_MAX are under way;
 * of wishes, which are small and for one worker, WISHES_MAX, and WISHES_BYTES_MAX of their events.
 */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/explanation.h"
#include "engine/inbox.h"
#include "engine/limits.h"

enum control_kind {
    CONTROL_CHANNELS,    /* a page of the channels, in order of their names */
    CONTROL_CHANNEL,     /* one channel */
    CONTROL_SUBSCRIBERS, /* a page of the subscribers, in order of their ids */
    CONTROL_SUBSCRIBER,  /* one subscriber */
    CONTROL_EXPLAIN,     /* what became of an event for one subscriber */
    CONTROL_END,         /* a subscriber is ended, in order or at once */
    CONTROL_SEND,        /* it gets an event that is for it alone */
};

struct control;

struct control_request {
    enum control_kind kind;
    struct text channel; /* CHANNEL; SUBSCRIBERS: those of this one alone; empty: of all */
    struct text after;   /* CHANNELS: those behind this name; empty: from the first one on */
    uint64_t subscriber; /* its id; SUBSCRIBERS: those behind it; 0: from the first one on */
    struct text event;   /* EXPLAIN: the event's id, as a client knows it */
    struct frame *frame; /* SEND: of hub_private_frame; the control's, if it was made */
    bool at_once;        /* END: what it lacks is not sent */
    bool or_close;       /* SEND: nobody waits for the answer, so who has no room is closed */
    uint32_t limit;      /* of lists: 1 to CONTROL_LIMIT_MAX; 0: CONTROL_LIMIT_DEFAULT */
    /* Any worker's thread, once; also of who drains. Short: it hands the control on. */
    void (*done)(struct control *control);
    void *context; /* the asker's own */
};

/* What is said of a channel. */
struct control_channel {
    uint64_t subscribers;
    uint64_t events, bytes; /* in its history */
    uint64_t last;          /* sequence of its newest event; 0: none is known any more */
    bool ended;
    uint16_t name_len;
    char name[CHANNEL_BYTES_MAX];
};

/* What is said of a subscriber. Names are the control's. */
struct control_subscriber {
    uint64_t id;
    uint32_t channel_count;
    uint32_t name_count; /* of them, the first ones */
    struct text names[CONTROL_NAMES_MAX];
    uint64_t behind;      /* events that it lacks */
    bool behind_is_least; /* and perhaps some more that are forgotten */
    bool is_blocked;      /* its socket is full */
    bool is_slow;
    uint8_t peer_len;
    char peer[PEER_BYTES_MAX]; /* as it came with the request */
    uint32_t lagging_ms;       /* for how long it has lacked something; 0: it does not */
    uint64_t window_bytes;     /* then: what its socket has taken */
    uint32_t window_ms;        /* in the last so many ms */
    uint32_t joined_ms;        /* ago */
};

/* One worker's share of an answer: the worker's while it answers, then the asker's. */
struct control_part {
    alignas(64) struct message message; /* MESSAGE_CONTROL */
    struct control_part *next;          /* waiting for the one before it */
    struct control *control;
    bool begun;
    bool own;        /* EXPLAIN: the event is of a channel of the subscriber's */
    uint32_t walk;   /* where its worker goes on */
    uint64_t behind; /* of a wish: so many hand-offs had come to its worker before it */
    bool more;       /* there is more than fits */
    uint32_t count;  /* of entries */
    uint32_t at;     /* the asker's next one */
    uint16_t *order; /* of entries; a heap while the worker gathers, then sorted */
    struct control_channel *channels;
    struct control_subscriber *subscribers;
    char *names; /* of those */
    uint32_t names_used, names_size;
};

enum control_result {
    CONTROL_FOUND = 0,
    CONTROL_NONE = 1, /* there is no such channel, or subscriber; nor is one remembered. Of a wish:
                         it has gone, or was refused */
    CONTROL_FULL = 2, /* as many events as may wait for that subscriber's socket */
};

/* The hub's count of those under way. */
struct control_load {
    _Atomic unsigned count;
    _Atomic uint64_t bytes;
};

struct control {
    struct control_request request; /* its texts are the control's own */
    struct message message;         /* the asker's, to hand it on with once it is done */
    /* enum control_result, -ESHUTDOWN: the workers end, or -ENOMEM. Once it is done. */
    int result;
    uint64_t hash;             /* of the channel */
    uint64_t before;           /* hub_next_sequence when it was asked: that is taken first */
    _Atomic unsigned pending;  /* parts that are not done */
    _Atomic int failed;        /* what a part's worker said, 0: nothing */
    struct control_load *load; /* it counts there, with so many bytes */
    uint64_t bytes;
    unsigned workers, part_count; /* of a wish, which is for one worker, there is one part */
    bool sorted, more;
    uint32_t told;                  /* entries */
    struct explanation explanation; /* of EXPLAIN, once it is CONTROL_FOUND */
    struct control_part parts[];
};

/* --- who asks -------------------------------------------------------------------------------- */

/* For a hub of so many workers. NULL: out of memory. */
MUST_USE struct control *control_new(const struct control_request *request, unsigned workers);
/* Takes NULL; returns NULL. */
struct control *control_free(struct control *control);

/* It changes something for a subscriber, and asks nothing. */
static inline bool control_is_wish(const struct control *control)
{
    return control->request.kind == CONTROL_END || control->request.kind == CONTROL_SEND;
}
/* The one worker that a question about a subscriber is for; false: it is for all of them. */
bool control_is_for_one(const struct control *control, unsigned *ret_worker);
/* The next channel of the answer, merged from all workers, in order of names. False: that was all
 * of this page; control->more says whether another one follows it. */
bool control_next_channel(struct control *control, struct control_channel *ret_channel);

/* Likewise the next subscriber, in order of ids. */
bool control_next_subscriber(struct control *control, struct control_subscriber *ret_subscriber);

/* --- workers --------------------------------------------------------------------------------- */

/* Whether a channel is the server's own, and not listed. */
bool control_hides(struct text channel);
/* Whether the part's page may have a channel of that name, for all that is known so far. */
bool control_wants(const struct control_part *part, struct text name);
/* The place for a channel of that name in a part that keeps the first `limit` names: NULL if it is
 * not among those. The caller fills all but the name. */
struct control_channel *control_add_channel(struct control_part *part, struct text name);
/* The place for a subscriber, the next one in order, with its names laid down. NULL: the page is
 * full, and part->more. The caller fills the rest. */
struct control_subscriber *control_add_subscriber(struct control_part *part,
                                                  const struct text *names, uint32_t name_count);
/* The part is answered; `result` is 0 or what became of the control instead. It is no longer the
 * worker's. */
void control_finish(struct control_part *part, int result);
