/* SPDX-License-Identifier: MIT */
/*
 * Publishing by the library's own calls: this process is the server, and the publisher is one more
 * of its threads. What an embedding program does, with nothing but fanfare.h. See publish.h.
 */
#include "bench/load/publish.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/marker.h"
#include "fanfare.h"

struct way_engine {
    struct way way;
    struct fanfare *fanfare;
    struct fanfare_waiter *waiter;
    bool full; /* the last event found no room */
};

static bool engine_put(struct way *way, const char *channel, const char *data, size_t len)
{
    struct way_engine *engine = (struct way_engine *)way;
    struct fanfare_event event = {.size = sizeof(event),
                                  .channel = channel,
                                  .channel_len = FANFARE_NUL,
                                  .data = data,
                                  .data_len = len};
    int r = fanfare_waiter_publish(engine->waiter, &event, 1, NULL);
    engine->full = r == -EAGAIN;
    if (engine->full)
        return false;
    way->counts.accepted += r == 0;
    way->broken |= r == -ESHUTDOWN;
    if (r < 0 && !way->counts.refused++)
        snprintf(way->counts.fault, sizeof(way->counts.fault), "%s", fanfare_strerror(r));
    return true;
}

static void engine_turn(struct way *way, uint64_t until_us)
{
    struct way_engine *engine = (struct way_engine *)way;
    if (!engine->full && until_us == UINT64_MAX)
        return; /* there is room */
    uint64_t now_us = clock_us(), wait_us = until_us > now_us ? until_us - now_us : 0;
    if (wait_us > 100000)
        wait_us = 100000;
    struct pollfd ready = {.fd = fanfare_waiter_fd(engine->waiter), .events = POLLIN};
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / 1000000),
                               .tv_nsec = (long)(wait_us % 1000000) * 1000};
    (void)ppoll(&ready, engine->full, &timeout, NULL);
}

static void engine_finish(struct way *way)
{
    (void)way;
}

static bool engine_is_done(const struct way *way)
{
    (void)way;
    return true;
}

static void engine_close(struct way *way)
{
    struct way_engine *engine = (struct way_engine *)way;
    fanfare_stop(engine->fanfare);
    fanfare_waiter_free(engine->waiter);
    fanfare_free(engine->fanfare);
    free(engine);
}

static const struct way_operations engine_operations = {
    .put = engine_put,
    .turn = engine_turn,
    .finish = engine_finish,
    .is_done = engine_is_done,
    .close = engine_close,
};

static int start(struct way_engine *engine, const struct publish_options *options)
{
    char listen[64], workers[16];
    snprintf(listen, sizeof(listen), "127.0.0.1:%s", options->to + strlen("engine:"));
    snprintf(workers, sizeof(workers), "%u", options->workers);
    engine->fanfare = fanfare_new();
    fanfare_set(engine->fanfare, "listen", listen);
    fanfare_set(engine->fanfare, "workers", workers);
    fanfare_set(engine->fanfare, "acceptors", "1");
    fanfare_set(engine->fanfare, "io", options->io);
    /* All that the server answers, so that both are asked alike. */
    fanfare_set(engine->fanfare, "routes", "subscribe publish send page health stats metrics");
    int r = fanfare_start(engine->fanfare);
    return r < 0 ? r : fanfare_waiter_new(engine->fanfare, &engine->waiter);
}

struct way *way_engine_open(const struct publish_options *options, char *error, size_t size)
{
    struct way_engine *engine = calloc(1, sizeof(*engine));
    char address[128];
    if (!engine)
        abort();
    engine->way.operations = &engine_operations;
    int r = start(engine, options);
    if (r < 0) {
        snprintf(error, size, "the engine does not start: %s", fanfare_error(engine->fanfare));
        return NULL; /* the program ends */
    }
    fanfare_get(engine->fanfare, "addresses", address, sizeof(address));
    printf("{\"listening\": \"%s\"}\n", address);
    fflush(stdout);
    return &engine->way;
}
