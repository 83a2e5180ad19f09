/* SPDX-License-Identifier: MIT */
/*
 * A hand-off: a subscribe request on its way to a worker, with everything it names copied behind
 * it, so that whoever asked may forget it at once.
 *
 * It is made by the thread that asks (hub_subscribe), travels as a message of the worker's inbox,
 * and is the worker's from then on, which frees it when the subscriber has joined or was refused.
 * The descriptor in it belongs to whoever holds the hand-off; freeing it does not close that. The
 * references to its first frames are its own.
 */
#pragma once

#include <stdalign.h>

#include "engine/base/base.h"
#include "engine/base/heap.h"
#include "engine/base/hash.h"
#include "engine/frame.h"
#include "engine/inbox.h"
#include "engine/limits.h"
#include "engine/seat.h"

struct subscribe_request {
    int fd;                      /* connected, non-blocking, in no epoll set */
    uint64_t before;             /* hub_next_sequence when the request head was complete */
    const struct text *channels; /* decoded, checked by frame_check_channel, no two alike */
    unsigned channel_count;      /* 1 to SUBSCRIBER_CHANNELS_MAX */
    bool has_resume;
    struct text resume;         /* the last id as the client gave it, valid or not */
    uint64_t since;             /* without a resume point: what was published from this number on (a
                           hub_next_sequence of earlier) is owed to it; 0: nothing is that is older
                           than its request */
    struct frame *const *first; /* of hub_private_frame: behind the preface, before all else, and no
                                   part of `limit`; FIRST_BYTES_MAX in all */
    unsigned first_count;
    int64_t ends_ns;   /* on the clock (engine/base/clock.h): ended in order then, whatever it
                           lacks; 0: never */
    uint32_t limit;    /* end after so many events; 0: never */
    uint32_t last;     /* without a resume point: so many of the newest first */
    uint32_t wait_ms;  /* of one that polls, if no event comes; 0: not at all */
    bool plain;        /* HTTP/1.0: no chunks */
    bool bare;         /* no block without data: see form_open */
    bool polls;        /* ends with what is retained, else with the first events that come, or
                           with wait_ms */
    bool puts_off;     /* if it cannot be had: see form_refusal */
    bool charset;      /* see form_open */
    bool tells_id;     /* its head says its id, where subscribers have one */
    bool head_sent;    /* its response has begun: no head is written, nor an answer in place of
                           one; whoever is refused is closed */
    uint8_t group;     /* below SUBSCRIBER_GROUPS_MAX: whom it counts among, see hub_groups */
    struct text peer;  /* who it is, for who looks at it (control.h): at most PEER_BYTES_MAX, of
                           which the engine knows nothing */
    struct seat *seat; /* a chain, left at its end; NULL: none */
    struct text head;  /* response head lines of the caller's, each ended by CRLF */
};

struct handoff {
    struct message message;
    struct handoff *next; /* waiting for the worker's position */
    uint64_t arrival;     /* among the worker's hand-offs, from 1 on */
    struct seat *seat;    /* until the subscriber has it */
    uint64_t subscriber;  /* its id, from the hub; 0: subscribers have none */
    int fd;
    uint64_t before;
    int64_t ends_ns;
    uint64_t since;
    /* As in the request, and in its order, so that they are copied together. */
    uint32_t limit, last, wait_ms;
    bool plain, bare, polls, puts_off, charset, tells_id, head_sent;
    uint8_t group;
    bool has_resume;
    bool once; /* of a channel whose rule says so: the worker finds out */
    unsigned channel_count, first_count;
    uint64_t *hashes; /* of the channels; all of these lie in `bytes` */
    struct text *channels;
    struct frame **first;
    struct text resume, head, peer;
    size_t bytes_len;
    size_t first_memory; /* of those frames */
    alignas(8) char bytes[];
};

/* Bytes that it holds. */
static inline size_t handoff_memory(const struct handoff *handoff)
{
    return heap_bytes(sizeof(*handoff) + handoff->bytes_len) + handoff->first_memory;
}

/* It asks for what was published before it. */
static inline bool handoff_looks_back(const struct handoff *handoff)
{
    return handoff->has_resume || handoff->last || handoff->since;
}

/* NULL: out of memory; the references to the first frames are still the caller's then. */
MUST_USE struct handoff *handoff_new(const struct subscribe_request *request,
                                     const struct hash_key *key);
/* Takes NULL; returns NULL. */
struct handoff *handoff_free(struct handoff *handoff);
