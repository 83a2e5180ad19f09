/* SPDX-License-Identifier: MIT */
/*
 * A fetch: one GET of a place, from what is asked to what came of it.
 *
 * It is embedded in what its maker wants to know afterwards, counted by references, and freed by
 * its maker's `free` when nobody has one any more. Its maker fills the first part and has one
 * reference (fetch_init); fetcher.h runs it, which has one of its own for as long.
 *
 * States: made -> the fetcher's (fetcher_start) -> over: `done` is called once, on the fetcher's
 * thread, and from then on the rest may be read by whoever has a reference and was told of it
 * through something that orders memory (a mailbox). Nothing here is changed by two threads but
 * `references`.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/list.h"
#include "engine/base/mailbox.h"
#include "net/fetch/place.h"

enum fetch_outcome {
    FETCH_ANSWERED,  /* status, head and body are there */
    FETCH_TIMEOUT,   /* no whole answer in time */
    FETCH_FAILED,    /* no connection, cut off, or no HTTP: `reason` says what */
    FETCH_LARGE,     /* the head or the body is longer than it may be */
    FETCH_CANCELLED, /* by its maker, or because the fetcher ends */
};

/* Bytes that grow up to a bound. */
struct fetch_bytes {
    char *at;
    size_t len, capacity, most;
};

struct fetch {
    /* What is wanted; does not change once it is started. */
    const struct fetch_place *place; /* borrowed; outlives the fetcher */
    struct text lines;   /* further head lines, each "Name: value" and a NUL; the fetch's own */
    uint32_t timeout_ms; /* from the start to the last byte, time in the queue not counted */
    bool keeps_body;     /* else it is read and dropped */
    size_t body_bytes_max;
    void (*done)(struct fetch *fetch);
    void (*free)(struct fetch *fetch);

    /* What came of it. */
    enum fetch_outcome outcome;
    int status;              /* of an answer */
    struct fetch_bytes head; /* field lines of the final head, each as it came, with its line end */
    struct fetch_bytes body;
    const char *reason; /* of FETCH_FAILED; static */

    /* The fetcher's. */
    struct message start, cancel, hasten;
    struct link queue;       /* of those that are due, or of those that are not */
    int64_t due_ns;          /* when it is to begin */
    struct fetch_slot *slot; /* NULL: it is not under way */
    bool over;
    bool hurried;          /* hastened while it was under way: begins at once when started again */
    _Atomic bool hastened; /* `hasten` is in the mailbox; pairs: the exchanges of both sides */
    _Atomic unsigned references; /* as a frame's: taken relaxed, given back acq_rel */
};

/* With one reference, after the first part was filled. */
void fetch_init(struct fetch *fetch);
/* In `done`: it may be started again. */
void fetch_renew(struct fetch *fetch);
struct fetch *fetch_ref(struct fetch *fetch);
/* Takes NULL; returns NULL. */
struct fetch *fetch_unref(struct fetch *fetch);
/* What it holds beside the struct and its lines is given up; for `free`. */
void fetch_deinit(struct fetch *fetch);

/* False: it would be longer than it may, or memory ran out. */
MUST_USE bool fetch_bytes_add(struct fetch_bytes *bytes, const char *at, size_t len);
