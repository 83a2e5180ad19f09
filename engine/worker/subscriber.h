/* SPDX-License-Identifier: MIT */
/*
 * A subscriber: one open response. One cache line, so that a sweep touches one line per send.
 *
 * States:
 *   SUBSCRIBER_FREE       the record is in the free list, or waits there for the end of a flush
 *   SUBSCRIBER_CURRENT    has everything up to the last sweep; sweeps write to it
 *   SUBSCRIBER_BEHIND     can take bytes and lacks some (replay, or writable again): in the
 * worker's catch-up list, which sends it its own bytes turn by turn SUBSCRIBER_BLOCKED    its
 * socket was full; waits for writability `cursor` is the newest sequence it had whole. At most one
 * frame is begun: `begun` holds a reference, `begun_offset` says how much of it is written. It lags
 * from its first short send until it has everything (flag LAGGING), and is slow when it took less
 * than the slow rate over a window (flag SLOW): see engine/lag.c. Owner: the worker.
 */
#pragma once

#include <stdalign.h>

#include "engine/frame.h"
#include "engine/limits.h"

enum subscriber_state {
    SUBSCRIBER_FREE,
    SUBSCRIBER_CURRENT,
    SUBSCRIBER_BEHIND,
    SUBSCRIBER_BLOCKED,
};

enum subscriber_flag {
    SUBSCRIBER_MANY = 1,       /* several channels: `set` is used instead of `channel` */
    SUBSCRIBER_PLAIN = 2,      /* HTTP/1.0: no chunks */
    SUBSCRIBER_LAGGING = 4,    /* lacks something since a short send */
    SUBSCRIBER_SLOW = 8,       /* and took too little: holds nobody */
    SUBSCRIBER_LISTED = 16,    /* its index is in the worker's lag list (survives a free) */
    SUBSCRIBER_QUEUED = 32,    /* its index is in the worker's catch-up list (survives a free) */
    SUBSCRIBER_LIMITED = 64,   /* events_left counts down */
    SUBSCRIBER_IDLE = 256,     /* to be ended in order once it has everything, for want of events */
    SUBSCRIBER_AGED = 512,     /* likewise, because of its lifetime */
    SUBSCRIBER_PROMISED = 128, /* the kernel said writable, and nothing was taken since */
};

/* Never swept with a shared run: it needs bytes of its own. */
#define SUBSCRIBER_ENDING  (SUBSCRIBER_IDLE | SUBSCRIBER_AGED)
#define SUBSCRIBER_SPECIAL (SUBSCRIBER_MANY | SUBSCRIBER_PLAIN | SUBSCRIBER_LIMITED)

struct channel;

struct membership {
    struct channel *channel;
    uint64_t told_through; /* of several channels: its losses are told up to here */
    uint32_t position;     /* in channel->members */
};

/* The channels of a subscriber to several. */
struct channel_set {
    uint32_t count;
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
    uint32_t events_left; /* with LIMITED */
    uint32_t written_ms;  /* when something was last written, for heartbeats */
    uint32_t window_ms;   /* start of the lag window */
    uint32_t window_bytes;
    uint32_t joined_ms; /* for its lifetime */
    uint32_t event_ms;  /* when it last had an event */
    uint16_t flags;
    uint8_t state;
};

static_assert(sizeof(struct subscriber) == 64, "one cache line");
