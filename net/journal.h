/* SPDX-License-Identifier: MIT */
/*
 * The journal: what happened, as records for whoever writes them down: who joined and left, who was
 * refused, which requests were answered. The library writes nothing itself: another thread reads
 * the records here (lib/access_log.h) and does with them what it likes.
 *
 * Nobody waits for it. Workers and acceptors post into a mailbox without a lock and without a
 * system call; a stream's two records lie in its seat (engine/seat.h), which its acceptor makes, so
 * that a worker allocates nothing either. What does not fit (limits.h, JOURNAL_...) is counted, and
 * the reader is told. It is woken when the mailbox is half full, and else looks by itself.
 *
 * Threads: `post`ing is any thread's; reading is one thread's. Shared by reference count: a seat
 * may outlive the server, but not the hub, which counts its memory.
 */
#pragma once

#include "engine/hub.h"
#include "engine/seat.h"
#include "net/access/address.h"

enum fact_kind {
    FACT_JOIN,    /* a stream has begun */
    FACT_LEAVE,   /* and has ended */
    FACT_REFUSED, /* a connection, request or stream: it cannot be had, or is not allowed */
    FACT_REQUEST, /* any other request, answered */
};

/* All texts are as strangers sent them, and may have any bytes. */
struct fact {
    enum fact_kind kind;
    int64_t time_ns; /* since 1970 */
    struct address peer;
    /* Of a stream. */
    uint64_t subscriber;  /* 0: they have no numbers */
    struct text channels; /* to be read by fact_channel */
    enum close_reason reason;
    int64_t duration_ns;
    uint64_t cursor; /* sequence of the newest event that it had whole */
    /* Of an answer. */
    int status;
    struct text refusal;      /* FACT_REFUSED: why, in one word */
    struct text method, path; /* empty where none was read; no query is in the path */
    uint64_t bytes;           /* of the answer's body */
};

/* Takes the next one off fact->channels. False: there is none. */
bool fact_channel(struct text *channels, struct text *ret_channel);

struct journal;

/* NULL: out of memory, or out of descriptors. */
MUST_USE struct journal *journal_new(struct hub *hub);
/* Nobody reads any more: what is there and what comes is dropped, and it is freed with the last
 * seat. Nothing else happens meanwhile but seats being left. Takes NULL; returns NULL. */
struct journal *journal_end(struct journal *journal);

/* --- any thread ---------------------------------------------------------------------------- */

struct journal_seat;

/* What a worker refuses is answered with this status. 0, HUB_NO_MEMORY, or -ENOMEM. */
MUST_USE int journal_seat_new(struct journal *journal, const struct address *peer,
                              const struct text *channels, unsigned count, int refused_status,
                              struct journal_seat **ret_seat);
struct seat *journal_seat_of(struct journal_seat *seat);
/* That it was refused is told by somebody else. */
void journal_seat_hush(struct journal_seat *seat);

/* FACT_REFUSED or FACT_REQUEST, whose texts are copied and whose time is now. */
void journal_tell(struct journal *journal, const struct fact *fact);

/* --- the reader ---------------------------------------------------------------------------- */

/* Waits until there is much to read, or journal_wake, or so long. */
void journal_await(struct journal *journal, int most_ms);
/* Makes it look. Any thread. */
void journal_wake(struct journal *journal);
/* Calls `take` for what is there, in order, until it says false: that one comes again. True: there
 * is nothing left. */
bool journal_read(struct journal *journal, bool (*take)(void *context, const struct fact *fact),
                  void *context);
/* How many did not fit since this was asked last. */
uint64_t journal_take_lost(struct journal *journal);
/* And in all. Any thread. */
uint64_t journal_lost(const struct journal *journal);
