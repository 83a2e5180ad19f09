/* SPDX-License-Identifier: MIT */
/*
 * One simulated client: what it asked for, and what it must be told because of that.
 *
 * When its worker takes it over (client_join) the model works out, from the request, from what was
 * published and from what that worker had evicted at that moment, the whole greeting: header,
 * preface, gaps. From then on `through` says for each channel how far it has been served or told,
 * and the next event is always the first of its channels behind that. Every block that the reader
 * reports is held against it.
 *
 * `strict`: its peer always reads clearly faster than the slow rate and its buffer takes more than
 * two windows of it, so nothing may ever close or skip it.
 */
#pragma once

#include "engine/worker/subscriber.h"
#include "tests/sim/model.h"
#include "tests/sim/reader.h"

/* Where the client's last id changed: what it would resume from, had it been cut off there. */
struct commit {
    uint64_t offset;   /* in the stream */
    uint64_t sequence; /* the position */
    enum { COMMIT_OWN, COMMIT_GIVEN, COMMIT_RESUME } kind;
};

#define CLIENT_FIRST_MAX 3

struct client {
    unsigned number;
    struct sim_socket *socket;
    const struct model *model;
    const struct hub_options *options;
    const struct ids *ids; /* the hub's */
    struct worker *worker; /* since it has joined */

    /* What it asked for. */
    unsigned channels[MODEL_CHANNELS_MAX];
    unsigned channel_count;
    uint64_t before;
    bool has_resume, plain, bare, head_sent;
    uint64_t since; /* a position before its B; 0: none */
    unsigned first_count;
    struct frame *first[CLIENT_FIRST_MAX]; /* since it was handed over they are the hub's */
    struct bytes resume;
    uint32_t limit, last;
    bool polls, once;
    uint32_t wait_ms;
    int64_t ends_ns;                 /* of its token; 0: never */
    struct seat seat;                /* every other one has it */
    bool seated, taken, left;        /* it was handed over with it; it was taken; and it was left */
    bool let_go[MODEL_CHANNELS_MAX]; /* likewise, of channels that were closed */

    /* The greeting it must get. */
    const char *header;
    bool has_preface_id;
    uint64_t start;                    /* the preface's position, without a resume point */
    const char *reason;                /* of the greeting's gaps */
    bool from_is_told;                 /* `from` repeats the resume point */
    unsigned gaps[MODEL_CHANNELS_MAX]; /* channels; later of the notice that is read */
    int64_t gap_missed[MODEL_CHANNELS_MAX];
    uint64_t gap_to[MODEL_CHANNELS_MAX];
    unsigned gap_count, greeting_gaps;
    uint64_t gap_position;
    uint64_t began;    /* the position that its stream begins at */
    uint64_t retained; /* events that its worker has for it when it joins */
    int64_t joined_ns;
    uint64_t joined_at;  /* its worker's position then */
    uint64_t id;         /* since it was handed over; 0: it has none */
    struct wish *wishes; /* of an operator, in their order: steer.c */
    unsigned wish_count, wish_number;
    uint64_t
        ended_at; /* an operator ends it, behind what was published before this; 0: none does */

    /* How far it is. */
    struct reader reader;
    bool greeted, goodbye;
    bool cut;       /* an operator ends it at once */
    bool told_end;  /* the comment before the goodbye */
    bool told_over; /* it was answered 204 */
    unsigned gaps_seen, first_seen;
    uint64_t through[MODEL_RECORDS];
    uint64_t cursor; /* the newest position it was given */
    uint32_t events;
    uint64_t *got; /* sequences of those that came by a channel */
    uint32_t got_count, got_size;
    uint32_t got_at;      /* events, when the last of them came */
    bool skipped;         /* a gap came in the middle */
    bool event_is_latest; /* the latest block is an event */
    int64_t read_ns;      /* when it was last written to */
    bool strict;
    bool instant; /* and it reads everything at once: no drain may cut it */
    const bool *draining;
    const uint64_t *evicted; /* by channel: what its worker has let go, at the last look */
    struct bytes notices;    /* what its worker had when it made each gap notice: struct view */
    bool notice_begun;       /* the last one of them */
    bool is_skipped;         /* the gaps are of such a notice */
    struct commit *commits;
    size_t commit_count, commit_size;
};

struct client *client_free(struct client *client);
/* The request as the hub wants it; `channels` is room for its names. */
struct subscribe_request client_request(struct client *client, struct text *channels);
/* Its worker has just adopted it. */
void client_join(struct client *client, struct worker *worker);
/* The worker answered that there is nothing to read and never will be. */
void client_told_over(struct client *client, struct worker *worker);
/* Takes what the socket took since the last time. */
void client_read(struct client *client);
/* The next event it must get; 0: it has everything. */
uint64_t client_next(const struct client *client);
/* Of the events to all alone, after `sequence`. */
uint64_t client_next_to_all(const struct client *client, uint64_t sequence);
/* The text of the last id that the client knows, if only the first `offset` bytes reached it. False
 * if it knows none. */
bool client_last_id(const struct client *client, uint64_t offset, struct bytes *ret_id);
/* Its token has ended, and so much longer ago. */
bool client_has_expired(const struct client *client, int64_t for_ns);
/* Events whose frames are whole: a client has read an event when its chunk still lacks its end. */
uint32_t client_whole_events(const struct client *client);
/* How many events it gets at most: what it asked for, and of a long poll what there is; UINT32_MAX
 * for ever. And whether it has been given what a long poll ends with. */
uint32_t client_most(const struct client *client);
bool client_has_polled(const struct client *client);
/* Whether a response with limit=N, a drained one, or one whose token has ended is over as it should
 * be. */
bool client_is_complete(const struct client *client);
