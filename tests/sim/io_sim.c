/* SPDX-License-Identifier: MIT */
/* The simulated backend: see io_sim.h. Everything random comes from the simulation's one seed. */
#include "tests/sim/io_sim.h"

#include <errno.h>

#include "engine/limits.h"

struct queued_send {
    struct sim_socket *socket;
    const char *bytes;
    uint32_t len;
    uint32_t tag;
    uint64_t digest; /* of the bytes when they were queued */
};

/* `socket` is NULL for the result of a send. */
struct queued_event {
    struct io_event event;
    struct sim_socket *socket;
};

struct io_sim {
    struct io io;
    struct sim *sim;
    bool woken;
    struct queued_send sends[SEND_BATCH];
    uint32_t send_count;
    struct queued_event *events;
    uint32_t event_next, event_count, event_size;
};

/* --- chance ---------------------------------------------------------------------------------- */

/* SplitMix64, whose every seed is a good one. */
uint64_t sim_random_next(struct sim_random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

uint64_t sim_random_below(struct sim_random *random, uint64_t below)
{
    CHECK(below > 0);
    return sim_random_next(random) % below;
}

uint64_t sim_random_between(struct sim_random *random, uint64_t low, uint64_t high)
{
    CHECK(low <= high);
    return low + sim_random_below(random, high - low + 1);
}

/* --- sockets --------------------------------------------------------------------------------- */

void sim_init(struct sim *sim, uint64_t seed)
{
    *sim = (struct sim){.random = {seed}, .now_ns = 1000000000};
}

void sim_deinit(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->socket_count; i++) {
        free(sim->sockets[i]->bytes);
        free(sim->sockets[i]);
    }
    free(sim->sockets);
    sim->sockets = NULL;
    sim->socket_count = 0;
}

/* The test's own memory: without it there is no test. */
static void *grow(void *at, size_t size)
{
    void *larger = realloc(at, size);
    CHECK(larger);
    return larger;
}

struct sim_socket *sim_socket_new(struct sim *sim)
{
    if (sim->socket_count == sim->socket_size) {
        sim->socket_size = sim->socket_size ? sim->socket_size * 2 : 64;
        sim->sockets = grow(sim->sockets, sim->socket_size * sizeof(*sim->sockets));
    }
    struct sim_socket *socket = grow(NULL, sizeof(*socket));
    *socket = (struct sim_socket){.fd = SIM_FD_FIRST + (int)sim->socket_count,
                                  .rate = SIM_RATE_ALL,
                                  .capacity = 1u << 20,
                                  .writable_below = 1u << 19,
                                  .drained_ns = sim->now_ns};
    sim->sockets[sim->socket_count++] = socket;
    return socket;
}

struct sim_socket *sim_socket_find(const struct sim *sim, int fd)
{
    if (fd < SIM_FD_FIRST || (uint32_t)(fd - SIM_FD_FIRST) >= sim->socket_count)
        return NULL;
    return sim->sockets[fd - SIM_FD_FIRST];
}

void sim_socket_settle(const struct sim *sim, struct sim_socket *socket)
{
    uint64_t passed_us = (uint64_t)(sim->now_ns - socket->drained_ns) / 1000;
    if (socket->rate == SIM_RATE_ALL || socket->used == 0 || socket->rate == 0) {
        if (socket->rate == SIM_RATE_ALL)
            socket->used = 0;
        socket->drained_ns = sim->now_ns;
        return;
    }
    uint64_t read = socket->rate * passed_us / 1000000;
    if (read >= socket->used) {
        socket->used = 0;
        socket->drained_ns = sim->now_ns;
    } else if (read) {
        /* Time for which no whole byte was read yet is kept. */
        socket->used -= (uint32_t)read;
        socket->drained_ns += (int64_t)(read * 1000000 / socket->rate) * 1000;
    }
}

static void keep_bytes(struct sim_socket *socket, const char *bytes, uint32_t len)
{
    if (socket->size - socket->len < len) {
        socket->size = (socket->len + len) * 2;
        socket->bytes = grow(socket->bytes, socket->size);
    }
    memcpy(socket->bytes + socket->len, bytes, len);
    socket->len += len;
    socket->taken += len;
    socket->used += len;
}

/* --- sends ----------------------------------------------------------------------------------- */

static uint64_t digest_part(const char *bytes, uint32_t len, uint64_t sum)
{
    for (uint32_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 32;
}

/* Of both ends, so that a large frame sent in small pieces does not take for ever. */
static uint64_t digest(const char *bytes, uint32_t len)
{
    uint32_t part = len < 64 ? len : 64;
    return digest_part(bytes + len - part, part, digest_part(bytes, part, len));
}

static void sim_send(struct io *base, int handle, const char *bytes, uint32_t len, uint32_t tag)
{
    struct io_sim *io = (struct io_sim *)base;
    struct sim_socket *socket = sim_socket_find(io->sim, handle);
    CHECK(socket && socket->state == SIM_OPEN && socket->io == base);
    CHECK(!socket->queued); /* never two sends of one socket in one flush */
    CHECK(io->send_count < SEND_BATCH);
    CHECK(len > 0);
    socket->queued = true;
    io->sends[io->send_count++] = (struct queued_send){
        .socket = socket, .bytes = bytes, .len = len, .tag = tag, .digest = digest(bytes, len)};
}

/* How many bytes the socket takes, or the negative errno with which it refuses. */
static int32_t take(struct sim *sim, struct sim_socket *socket, uint32_t len)
{
    struct sim_random *random = &sim->random;
    if (socket->reset)
        return sim_random_one_in(random, 2) ? -EPIPE : -ECONNRESET;
    sim_socket_settle(sim, socket);
    uint32_t room = socket->used < socket->capacity ? socket->capacity - socket->used : 0;
    if (room == 0)
        return -EAGAIN;
    uint32_t fits = len < room ? len : room;
    if (socket->mischief && !sim->calm && sim_random_one_in(random, socket->mischief)) {
        switch (sim_random_below(random, 4)) {
        case 0:
            return -EAGAIN;
        case 1:
            return -ENOBUFS;
        default:
            fits = (uint32_t)sim_random_between(random, 1, fits);
        }
    }
    return (int32_t)fits;
}

static void add_event(struct io_sim *io, struct queued_event event)
{
    if (io->event_next == io->event_count)
        io->event_next = io->event_count = 0;
    if (io->event_count == io->event_size) {
        io->event_size = io->event_size ? io->event_size * 2 : 256;
        io->events = grow(io->events, io->event_size * sizeof(*io->events));
    }
    /* In any order: it changes places with one of those that were not told yet. */
    uint32_t at = (uint32_t)sim_random_between(&io->sim->random, io->event_next, io->event_count);
    io->events[io->event_count++] = io->events[at];
    io->events[at] = event;
}

static int sim_flush(struct io *base)
{
    struct io_sim *io = (struct io_sim *)base;
    while (io->send_count) {
        uint32_t at = (uint32_t)sim_random_below(&io->sim->random, io->send_count);
        struct queued_send send = io->sends[at];
        io->sends[at] = io->sends[--io->send_count];
        struct sim_socket *socket = send.socket;
        CHECK(socket->state == SIM_OPEN);
        CHECK(digest(send.bytes, send.len) == send.digest);
        socket->queued = false;
        int32_t taken = take(io->sim, socket, send.len);
        if (taken > 0)
            keep_bytes(socket, send.bytes, (uint32_t)taken);
        socket->denied = taken < 0 && socket->writable_told;
        socket->writable_told = false;
        if (taken == (int32_t)send.len)
            continue;
        add_event(io, (struct queued_event){
                          .event = {.kind = IO_SHORT, .owner = send.tag, .result = taken}});
    }
    return 0;
}

/* --- sockets of one io ----------------------------------------------------------------------- */

static int sim_add(struct io *base, int fd, uint32_t owner)
{
    struct io_sim *io = (struct io_sim *)base;
    struct sim_socket *socket = sim_socket_find(io->sim, fd);
    CHECK(socket && socket->state == SIM_WAITING);
    socket->state = SIM_OPEN;
    socket->io = base;
    socket->owner = owner;
    io->sim->on_open(io->sim->context, socket);
    return fd;
}

static void sim_remove(struct io *base, int handle)
{
    struct io_sim *io = (struct io_sim *)base;
    struct sim_socket *socket = sim_socket_find(io->sim, handle);
    CHECK(socket && socket->state == SIM_OPEN && socket->io == base);
    CHECK(!socket->queued);
    io->sim->on_close(io->sim->context, socket);
    socket->state = SIM_CLOSED;
}

static void sim_await_writable(struct io *base, int handle)
{
    struct io_sim *io = (struct io_sim *)base;
    struct sim_socket *socket = sim_socket_find(io->sim, handle);
    CHECK(socket && socket->state == SIM_OPEN && socket->io == base);
    socket->awaited = true;
}

/* --- events ---------------------------------------------------------------------------------- */

static bool hangup_is_due(const struct sim_socket *socket)
{
    return (socket->reset && !socket->hangup_told) || (socket->half_closed && !socket->ended_told);
}

static bool writable_is_due(const struct sim *sim, struct sim_socket *socket)
{
    if (!socket->awaited)
        return false;
    sim_socket_settle(sim, socket);
    return socket->reset || socket->used <= socket->writable_below;
}

bool io_sim_is_ready(struct io *base)
{
    struct io_sim *io = (struct io_sim *)base;
    if (io->woken || io->event_next < io->event_count)
        return true;
    for (uint32_t i = 0; i < io->sim->socket_count; i++) {
        struct sim_socket *socket = io->sim->sockets[i];
        if (socket->state == SIM_OPEN && socket->io == base &&
            (hangup_is_due(socket) || writable_is_due(io->sim, socket)))
            return true;
    }
    return false;
}

static int sim_wait(struct io *base, int64_t timeout_ns)
{
    struct io_sim *io = (struct io_sim *)base;
    struct sim *sim = io->sim;
    CHECK(timeout_ns == 0); /* time passes only where the test lets it */
    io->woken = false;
    for (uint32_t i = 0; i < sim->socket_count; i++) {
        struct sim_socket *socket = sim->sockets[i];
        if (socket->state != SIM_OPEN || socket->io != base)
            continue;
        /* What is due may be told by a later wait only: the kernel has its own time. */
        if (!sim->calm && sim_random_one_in(&sim->random, 8))
            continue;
        bool spurious = !sim->calm && sim_random_one_in(&sim->random, 64);
        if (writable_is_due(sim, socket) || spurious) {
            socket->awaited = false;
            add_event(io,
                      (struct queued_event){.event = {.kind = IO_WRITABLE, .owner = socket->owner},
                                            .socket = socket});
        }
        if (hangup_is_due(socket)) {
            socket->ended_told = true;
            socket->hangup_told = socket->reset;
            add_event(io,
                      (struct queued_event){.event = {.kind = socket->reset ? IO_HANGUP : IO_ENDED,
                                                      .owner = socket->owner},
                                            .socket = socket});
        }
    }
    return 0;
}

static bool sim_next(struct io *base, struct io_event *ret_event)
{
    struct io_sim *io = (struct io_sim *)base;
    while (io->event_next < io->event_count) {
        struct queued_event event = io->events[io->event_next++];
        if (event.socket && event.socket->state != SIM_OPEN)
            continue; /* removed since */
        if (event.event.kind == IO_WRITABLE)
            event.socket->writable_told = true;
        *ret_event = event.event;
        return true;
    }
    return false;
}

static int64_t sim_now_ns(struct io *base)
{
    struct sim *sim = ((struct io_sim *)base)->sim;
    /* Work takes time; now and then so much that a slice is over. */
    if (!sim->calm)
        sim->now_ns += sim_random_one_in(&sim->random, 256)
                           ? 3000000
                           : (int64_t)sim_random_below(&sim->random, 2000);
    return sim->now_ns;
}

static void sim_wake(struct io *base)
{
    ((struct io_sim *)base)->woken = true;
}

static void sim_close(struct io *base)
{
    struct io_sim *io = (struct io_sim *)base;
    CHECK(io->send_count == 0);
    free(io->events);
    free(io);
}

static const struct io_operations sim_operations = {
    .close = sim_close,
    .add = sim_add,
    .remove = sim_remove,
    .send = sim_send,
    .flush = sim_flush,
    .await_writable = sim_await_writable,
    .wait = sim_wait,
    .next = sim_next,
    .now_ns = sim_now_ns,
    .wake = sim_wake,
};

int io_sim_open(struct sim *sim, struct io **ret_io)
{
    struct io_sim *io = grow(NULL, sizeof(*io));
    *io = (struct io_sim){.io = {.operations = &sim_operations}, .sim = sim};
    *ret_io = &io->io;
    return 0;
}
