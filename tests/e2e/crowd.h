/* SPDX-License-Identifier: MIT */
/*
 * Many streams in one process, on one epoll set: a crowd of subscribers.
 *
 * The process's descriptor limit is raised to its hard limit. Streams connect in batches, each
 * batch waiting for its heads, so that a backlog never overflows; after crowd_open every one of
 * them gets every event published from then on. One thread; publishers may run in others.
 */
#pragma once

#include <pthread.h>

#include "tests/e2e/stream.h"

struct crowd {
    struct stream *streams;
    unsigned count;
    unsigned heads;  /* of how many streams the head has come */
    unsigned closed; /* how many have ended */
    int epoll;
};

void crowd_open(struct crowd *crowd, const struct server *server, unsigned count,
                const char *target, stream_on_event *on_event, void *context);
/* Serves what is ready, waiting at most so long for anything. */
void crowd_turn(struct crowd *crowd, int wait_ms);
/* Serves until the condition holds; ends the test when nothing at all comes for DEADLINE_MS. */
void crowd_run(struct crowd *crowd, const char *what, bool (*done)(void *context), void *context);
void crowd_close(struct crowd *crowd);
/* Cuts one off, whatever is in its buffers, and brings it back with the last id it knows. */
void crowd_reconnect(struct crowd *crowd, const struct server *server, unsigned number,
                     const char *target);

/*
 * The tally: each event's data is "P N", the Nth (from 0) of publisher P, padded with anything
 * behind another space. Every stream must see each publisher's events in that publisher's order
 * without a hole, and all streams the same order of all.
 */
struct tally {
    unsigned publishers;
    unsigned total;      /* events every stream shall get */
    unsigned complete;   /* streams that have them all */
    unsigned known;      /* places of `order` that some stream has seen */
    uint64_t deliveries; /* of all streams */
    uint32_t *order;     /* P << 24 | N, by place in the one order */
    uint32_t *next;      /* by stream and publisher: the N that must come */
};

void tally_init(struct tally *tally, unsigned streams, unsigned publishers, unsigned total);
void tally_free(struct tally *tally);
/* The streams' on_event; `context` is the tally, stream->number the row. */
void tally_event(struct stream *stream, const struct stream_event *event);
/* Runs a crowd whose context is a tally until all streams are complete, or one has ended. */
void crowd_complete(struct crowd *crowd, const char *what);

/*
 * The pace: a publisher beside a crowd, on a thread of its own, of events for a tally of one
 * publisher, "0 N" and padding. At most `ahead` events are on their way to the whole crowd, so that
 * it is never behind by its own fault.
 */
struct pace {
    const struct server *server;
    const char *channel;
    unsigned events;
    size_t bytes;   /* of each event */
    unsigned ahead; /* 0: any number */
    unsigned streams;

    int64_t longest_ms; /* result: from the publish until a stream had it */

    pthread_t thread;
    int permits;   /* eventfd: one for each event that the whole crowd has */
    unsigned *had; /* by event: how many streams */
    int64_t *published_ms;
};

void pace_start(struct pace *pace);
/* The crowd's thread, behind tally_event: this stream has its next event. */
void pace_had(struct pace *pace, const struct stream *stream);
void pace_join(struct pace *pace);
