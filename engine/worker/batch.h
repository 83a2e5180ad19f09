/* SPDX-License-Identifier: MIT */
/*
 * The batch of sends: queued with the subscriber moved as if each went out whole, given to the
 * kernel together, and put right for those that did not. The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

/* One queued send, kept until it is known how it went. */
struct batch_send {
    uint32_t subscriber;
    uint32_t first, count; /* parts */
    const struct run_part *parts;
    uint32_t start; /* byte of the first part's coordinate where the send begins */
    uint32_t len;
    uint32_t skip;          /* bytes of the first part's frame written earlier */
    uint32_t events_left;   /* before */
    uint64_t cursor;        /* before */
    uint32_t written_ms;    /* before */
    struct frame *kept;     /* the begun frame's reference */
    struct frame *kept_gap; /* the gap notice's reference */
    uint32_t events;        /* in it */
    bool catches_up;        /* how it went decides what comes next */
    bool ends;              /* carries the last chunk */
    bool is_cut;            /* what belongs behind it had no room */
    bool is_short;
    int32_t result; /* if short */
};

/* 0 or -ENOMEM; batch_deinit either way. */
MUST_USE int batch_init(struct worker *worker);
void batch_deinit(struct worker *worker);
/* Queues one send and notes the subscriber as it is; the caller then moves it as if the send went
 * out whole. There must be room in the batch. */
struct batch_send *batch_queue(struct worker *worker, struct subscriber *subscriber,
                               const char *bytes, uint32_t len);
/*
 * Gives what is queued to the kernel and puts right what did not go out whole; nothing is queued
 * afterwards. Subscribers change their states and may be CLOSING, but no record, no retained frame
 * and no member of a channel goes: whatever the caller holds stays valid, and only a subscriber's
 * state has to be looked at after it, not before.
 */
void batch_submit(struct worker *worker);
/* What the kernel has reported; true if there was anything. */
bool batch_events(struct worker *worker);
