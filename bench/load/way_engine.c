/* SPDX-License-Identifier: MIT */
/*
 * Publishing by the library's own calls: this process is the server, a hub and its acceptor, and
 * the publisher is one more of its threads. What an embedding program does. See publish.h.
 */
#include "bench/load/publish.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/load/marker.h"
#include "net/handlers/parts.h"
#include "net/server.h"

struct way_engine {
    struct way way;
    struct hub *hub;
    struct server *server;
    struct hub_waiter waiter;
    struct frame *held; /* found no room */
};

static bool publish(struct way_engine *engine, struct frame *frame)
{
    uint64_t first;
    int r = hub_publish(engine->hub, &frame, 1, &first);
    if (r == 0)
        engine->way.counts.accepted++;
    engine->way.broken |= r < 0;
    return r == 0;
}

static bool engine_put(struct way *way, const char *channel, const char *data, size_t len)
{
    struct way_engine *engine = (struct way_engine *)way;
    if (engine->held)
        return false;
    struct event event = {.channel = text_of(channel), .data = {data, len}, .retry_ms = -1};
    struct frame *frame;
    int r = hub_frame(engine->hub, &event, &frame);
    if (r != 0) {
        if (!way->counts.refused++)
            snprintf(way->counts.fault, sizeof(way->counts.fault), "hub_frame says %d", r);
        return true;
    }
    if (!publish(engine, frame))
        engine->held = frame;
    return true;
}

static void engine_turn(struct way *way, uint64_t until_us)
{
    struct way_engine *engine = (struct way_engine *)way;
    if (engine->held) {
        hub_waiter_arm(engine->hub, &engine->waiter);
        if (publish(engine, engine->held)) {
            engine->held = NULL;
            return;
        }
    }
    if (!engine->held && until_us == UINT64_MAX)
        return; /* there is room */
    uint64_t now_us = clock_us(), wait_us = until_us > now_us ? until_us - now_us : 0;
    if (wait_us > 100000)
        wait_us = 100000;
    struct pollfd poll_fd = {.fd = engine->waiter.eventfd, .events = POLLIN};
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / 1000000),
                               .tv_nsec = (long)(wait_us % 1000000) * 1000};
    uint64_t count;
    if (ppoll(&poll_fd, 1, &timeout, NULL) > 0 &&
        read(engine->waiter.eventfd, &count, sizeof(count)) < 0)
        count = 0; /* somebody's wake was taken already */
    if (engine->held && publish(engine, engine->held))
        engine->held = NULL;
}

static void engine_finish(struct way *way)
{
    (void)way;
}

static bool engine_is_done(const struct way *way)
{
    return !((const struct way_engine *)way)->held;
}

static void engine_close(struct way *way)
{
    struct way_engine *engine = (struct way_engine *)way;
    server_stop(engine->server);
    hub_waiter_remove(engine->hub, &engine->waiter);
    hub_stop(engine->hub);
    server_free(engine->server);
    hub_free(engine->hub);
    close(engine->waiter.eventfd);
    free(engine);
}

static const struct way_operations engine_operations = {
    .put = engine_put,
    .turn = engine_turn,
    .finish = engine_finish,
    .is_done = engine_is_done,
    .close = engine_close,
};

static int start(struct way_engine *engine, const struct publish_options *options, char *error,
                 size_t size)
{
    char listen[64];
    struct hub_options hub;
    struct server_options server;
    hub_options_default(&hub);
    hub.workers = options->workers;
    hub.io = strcmp(options->io, "epoll") == 0          ? IO_EPOLL
             : strcmp(options->io, "uring") == 0        ? IO_URING
             : strcmp(options->io, "uring-compat") == 0 ? IO_URING_COMPAT
                                                        : IO_AUTO;
    server_options_default(&server);
    snprintf(listen, sizeof(listen), "127.0.0.1:%s", options->to + 7);
    server.listen[0] = listen;
    server.listen_count = 1;
    server.feed = NULL;
    server.acceptors = 1;
    int r = hub_new(&hub, &engine->hub);
    if (r == 0)
        r = hub_start(engine->hub);
    if (r < 0) {
        snprintf(error, size, "the hub does not start: %s", hub_start_error(r));
        return r;
    }
    r = server_new(engine->hub, &parts_all, &server, &engine->server, error, size);
    return r == 0 ? server_start(engine->server) : r;
}

struct way *way_engine_open(const struct publish_options *options, char *error, size_t size)
{
    struct way_engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        abort();
    engine->way.operations = &engine_operations;
    if (start(engine, options, error, size) < 0)
        return NULL; /* the program ends */
    hub_waiter_add(engine->hub, &engine->waiter, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    printf("{\"listening\": \"%s\"}\n", server_address(engine->server, 0));
    fflush(stdout);
    return &engine->way;
}
