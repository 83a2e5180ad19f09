/* SPDX-License-Identifier: MIT */
/*
 * The swarm: very many subscribers, over several processes and source addresses.
 *
 * A process may have 20,000 descriptors where we measure, and a source address has 28,000 ports, so
 * the parent forks one child for every SEATS_PER_CHILD subscribers (or as many as it is told) and
 * each child connects from addresses of its own in 127.0.0.0/8. Parent and children share one
 * anonymous mapping: a child writes its own `struct tally`, the parent reads it when the child says
 * that it is settled; orders go the other way as one atomic word. A child looks at that word at
 * least every 20 ms.
 *
 * A *seat* is one subscriber. A sampled seat's bytes are parsed whole (reader.h): sequence, gaps,
 * duplicates, latency. Of the others only the response head is parsed; what follows is dropped by
 * the kernel without a copy (MSG_TRUNC) and counted. Who had fewer bytes than the others lacks
 * events; the report says how many. That holds where all streams are alike, so not for a server
 * whose chunks fall differently from stream to stream: sampled streams that are whole and of
 * different lengths show it, and then lengths are not judged.
 *
 * Files: swarm.c (options, parent), seats.c (a child), swarm_report.c (JSON).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/load/histogram.h"
#include "bench/load/reader.h"

#define SEATS_PER_CHILD 18000u
#define CHILDREN_MAX    128u
#define ROUNDS_MAX      256u
#define SLOTS_MAX       2048u
/* Of a slot's times: 16 to each doubling. */
#define SLOT_BUCKETS 512u
/* So long without a byte, and what comes next is another round. */
#define ROUND_QUIET_US 400000

struct swarm_options {
    const char *host;
    uint16_t port;
    const char *target; /* of the request; %c stands for the channel */
    const char *channel;
    uint32_t seats;
    uint32_t children; /* 0: as few as can be */
    uint32_t channels;
    bool spread;     /* seats over channels: some have ten, most have one */
    uint32_t sample; /* this many seats are parsed whole; UINT32_MAX: all */
    uint32_t stride; /* of the events one in so many has its times kept by itself */
    uint32_t window; /* connections being made at once by one child */
    uint32_t slow_every;
    uint32_t slow_rate; /* bytes per second of a slow seat */
    int receive_buffer; /* SO_RCVBUF; 0: the system's */
    uint32_t timeout_s;
    uint32_t skip; /* bytes of an event's data before its marker */
};

enum swarm_order { ORDER_RUN, ORDER_FINISH, ORDER_STORM, ORDER_QUIT };
enum swarm_stage { STAGE_CONNECTING, STAGE_READY, STAGE_STORMING, STAGE_SETTLED };

/* One event's way to the sampled seats of one child, in microseconds after it was meant to go. */
struct slot {
    uint32_t count, first, last;
    uint32_t buckets[SLOT_BUCKETS];
};

/* What came between two long silences: a burst. */
struct round {
    uint64_t begin_us, end_us, bytes;
    uint64_t intended_us; /* of its first event that a sampled seat had */
};

/* Written by one child, read by the parent once `stage` says so. */
struct tally {
    _Atomic int stage;
    _Atomic uint32_t connected;
    uint32_t seats, sampled, slow;
    uint32_t refused;       /* connections that failed or were answered otherwise than 200 */
    uint32_t closed;        /* streams that ended before they were told to */
    uint32_t slow_closed;   /* likewise, of the slow seats */
    uint32_t faulty;        /* those whose text was wrong, refusals included */
    uint32_t short_streams; /* only counted, and with fewer bytes than the others */
    bool lengths_differ;    /* of whole streams: lengths say nothing of this server */
    char fault[128];
    uint64_t connect_begin_us, connect_end_us;
    uint64_t storm_begin_us, storm_end_us;
    uint64_t events, missing, duplicates, reordered, gaps;
    uint64_t bytes;         /* of bodies, of all seats but the slow ones */
    uint64_t sampled_bytes; /* of the sampled seats */
    uint64_t slow_bytes;
    uint64_t begin_us, end_us; /* the first and the last byte of a body */
    uint64_t cpu_us;
    uint32_t round_count;
    struct round rounds[ROUNDS_MAX];
    struct histogram latency;
    struct slot slots[SLOTS_MAX];
};

struct swarm {
    struct swarm_options options;
    _Atomic int order;
    _Atomic uint32_t order_number; /* counts orders, so that a second storm is seen */
    uint64_t finish_by_us;
    uint32_t *finals;        /* of each channel the last sequence published; shared */
    uint32_t *seat_channels; /* of each seat its channel; shared, constant */
    struct tally *tallies;   /* one per child; shared */
};

/* seats.c: never returns. `first` is the index of the child's first seat of all. */
_Noreturn void seats_run(struct swarm *swarm, unsigned child, uint32_t first, uint32_t count);

/* swarm_report.c */
uint32_t slot_bucket(uint32_t value);
void swarm_print_ready(const struct swarm *swarm, const char *name, bool storm);
void swarm_print_report(const struct swarm *swarm);
