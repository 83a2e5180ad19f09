/* SPDX-License-Identifier: MIT */
/*
 * The ways on which `feed` publishes, behind one face: over the feed socket, over HTTP on kept
 * connections with pipelining, and by the engine's own calls in this very process.
 *
 * A way takes events and says whether it has room for the next one; `turn` moves bytes and may wait
 * up to a time. When everything was taken, `turn` is called until `is_done`: every event is
 * acknowledged or refused. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct publish_options {
    const char *to; /* feed:PATH, http://127.0.0.1:PORT, or engine:PORT */
    const char *target, *method;
    const char *headers; /* each ended by CRLF */
    const char *prefix, *suffix;
    uint32_t connections, pipeline;
    uint32_t workers; /* of engine: */
    const char *io;   /* of engine:: auto, uring, epoll */
};

struct publish_counts {
    uint64_t accepted; /* what the server acknowledged, as far as it was asked to */
    uint64_t refused;
    char fault[160]; /* the first one */
};

struct way {
    const struct way_operations *operations;
    bool broken; /* the server is gone: nothing more can be published */
    struct publish_counts counts;
};

struct way_operations {
    /* False: no room now, call turn. */
    bool (*put)(struct way *way, const char *channel, const char *data, size_t len);
    /* Moves bytes; waits for room or answers until `until_us` (0: does not wait). */
    void (*turn)(struct way *way, uint64_t until_us);
    /* Nothing more will be put; then turn until is_done. */
    void (*finish)(struct way *way);
    bool (*is_done)(const struct way *way);
    void (*close)(struct way *way); /* frees it too */
};

/* NULL: `error` says why in one sentence. */
struct way *way_feed_open(const struct publish_options *options, char *error, size_t size);
struct way *way_http_open(const struct publish_options *options, char *error, size_t size);
struct way *way_engine_open(const struct publish_options *options, char *error, size_t size);
