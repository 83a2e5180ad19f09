/* SPDX-License-Identifier: MIT */
/*
 * Starts and stops the acceptors: see server.h for the contract and server_state.h for the state.
 *
 * Everything that can fail for reasons of the machine (addresses, paths, descriptors) fails in
 * server_new, before a thread runs. Stopping is a barrier: the phase is moved on, every acceptor is
 * woken, and the count of those that have followed is waited for under the lock.
 */
#include "net/server_state.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/machine.h"
#include "net/acceptor.h"

void server_options_default(struct server_options *options)
{
    struct machine machine;
    machine_read("", &machine);
    *options = (struct server_options){
        .feed_mode = 0660,
        .feed_uid = -1,
        .feed_gid = -1,
        .acceptors = machine_threads(&machine, 4, ACCEPTORS_MAX),
        .connections_max = CONNECTIONS_DEFAULT,
        .subscribers_max = SUBSCRIBERS_DEFAULT,
        .body_max = DATA_BYTES_DEFAULT,
        .head_bytes_max = HEAD_BYTES_MAX,
        .target_bytes_max = TARGET_BYTES_MAX,
        .head_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .keep_alive_timeout_ms = 75000,
        .publish_wait_ms = 1000,
    };
}

/* --- new and free -------------------------------------------------------------------------- */

/* `options` were checked. */
static void set_limits(struct server_limits *limits, const struct server_options *options)
{
    int64_t ms[DEADLINE_KINDS] = {
        [DEADLINE_IDLE] = options->keep_alive_timeout_ms,
        [DEADLINE_HEAD] = options->head_timeout_ms,
        [DEADLINE_BODY] = options->body_timeout_ms,
        [DEADLINE_ROOM] = options->publish_wait_ms,
        [DEADLINE_ANSWER] = ANSWER_MS,
        [DEADLINE_LINGER] = LINGER_MS,
    };
    for (unsigned i = 0; i < DEADLINE_KINDS; i++)
        limits->deadline_ns[i] = ms[i] * 1000000;
    limits->options = *options;
    if (options->allow_origin) {
        snprintf(limits->origin, sizeof(limits->origin), "%s", options->allow_origin);
        limits->options.allow_origin = limits->origin;
    }
}

void server_limits_copy(struct server *server, struct server_limits *ret_limits)
{
    pthread_mutex_lock(&server->lock);
    *ret_limits = server->limits;
    pthread_mutex_unlock(&server->lock);
    if (ret_limits->options.allow_origin)
        ret_limits->options.allow_origin = ret_limits->origin;
}

static int open_listeners(struct server *server, char *error, size_t error_size)
{
    const struct server_options *options = &server->options;
    for (unsigned i = 0; i < options->listen_count; i++) {
        struct listener *listener = &server->listeners[server->listener_count];
        int r = listener_open(listener, options->listen[i], error, error_size);
        if (r)
            return r;
        server->listener_count++;
    }
    if (!options->feed)
        return 0;
    struct listener *listener = &server->listeners[server->listener_count];
    int r = listener_open_feed(listener, options->feed, options->feed_mode, error, error_size);
    if (!r)
        server->listener_count++;
    return r;
}

static int make_acceptors(struct server *server, char *error, size_t error_size)
{
    unsigned count = server->options.acceptors;
    server->acceptors = calloc(count, sizeof(*server->acceptors));
    int r = server->acceptors ? 0 : -ENOMEM;
    for (unsigned i = 0; i < count && !r; i++) {
        r = acceptor_new(server, &server->acceptors[i]);
        if (!r)
            server->acceptor_count++;
    }
    if (r)
        snprintf(error, error_size, "cannot set up acceptor threads: %s%s", strerror(-r),
                 r == -EMFILE ? "; raise the limit of open files (ulimit -n)" : "");
    return r;
}

static int check_options(const struct server_options *options, char *error, size_t error_size)
{
    const char *fault = NULL;
    if (options->listen_count > LISTEN_MAX)
        fault = "there are more than 16 addresses to listen on";
    else if (options->listen_count == 0 && !options->feed)
        fault = "there is neither an address to listen on nor a feed";
    else if (options->acceptors < 1 || options->acceptors > ACCEPTORS_MAX)
        fault = "the number of acceptors is not between 1 and 64";
    else if (options->body_max > DATA_BYTES_MAX)
        fault = "the largest body is above 16 MiB";
    else if (options->head_bytes_max > HEAD_BYTES_MAX ||
             options->target_bytes_max > TARGET_BYTES_MAX)
        fault = "the largest head is above 16 KiB or the largest target above 8 KiB";
    else if (options->allow_origin && (strpbrk(options->allow_origin, "\r\n") ||
                                       strlen(options->allow_origin) > ORIGIN_BYTES_MAX))
        fault = "the allowed origin is longer than 1,024 bytes or has a line end";
    if (!fault)
        return 0;
    snprintf(error, error_size, "cannot start the server: %s", fault);
    return -EINVAL;
}

int server_new(struct hub *hub, const struct server_options *options, struct server **ret_server,
               char *error, size_t error_size)
{
    int r = check_options(options, error, error_size);
    if (r)
        return r;
    struct server *server = calloc(1, sizeof(*server));
    if (!server) {
        snprintf(error, error_size, "cannot start the server: out of memory");
        return -ENOMEM;
    }
    server->started_ns = clock_ns();
    server->hub = hub;
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->reached, NULL);
    set_limits(&server->limits, options);
    r = open_listeners(server, error, error_size);
    if (!r)
        r = make_acceptors(server, error, error_size);
    if (r) {
        server_free(server);
        return r;
    }
    *ret_server = server;
    return 0;
}

static void close_listeners(struct server *server)
{
    for (unsigned i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
}

struct server *server_free(struct server *server)
{
    if (!server)
        return NULL;
    CHECK(server->running == 0);
    for (unsigned i = 0; i < server->acceptor_count; i++)
        acceptor_free(server->acceptors[i]);
    free(server->acceptors);
    close_listeners(server);
    pthread_cond_destroy(&server->reached);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return NULL;
}

int server_reload(struct server *server, const struct server_options *options)
{
    struct server_options changed = server->options;
    changed.feed_uid = options->feed_uid;
    changed.feed_gid = options->feed_gid;
    changed.connections_max = options->connections_max;
    changed.subscribers_max = options->subscribers_max;
    changed.body_max = options->body_max;
    changed.head_bytes_max = options->head_bytes_max;
    changed.target_bytes_max = options->target_bytes_max;
    changed.head_timeout_ms = options->head_timeout_ms;
    changed.body_timeout_ms = options->body_timeout_ms;
    changed.keep_alive_timeout_ms = options->keep_alive_timeout_ms;
    changed.publish_wait_ms = options->publish_wait_ms;
    changed.allow_origin = options->allow_origin;
    char error[128];
    int r = check_options(&changed, error, sizeof(error));
    if (r)
        return r;
    pthread_mutex_lock(&server->lock);
    set_limits(&server->limits, &changed);
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_add_explicit(&server->reloads, 1, memory_order_release);
    for (unsigned i = 0; i < server->running; i++)
        acceptor_wake(server->acceptors[i]);
    return 0;
}

/* --- start and stop ------------------------------------------------------------------------ */

int server_start(struct server *server)
{
    /* Signals are for the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = 0;
    for (unsigned i = 0; i < server->acceptor_count && !r; i++) {
        struct acceptor *acceptor = server->acceptors[i];
        r = -pthread_create(&acceptor->thread, NULL, acceptor_run, acceptor);
        if (!r)
            server->running++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r)
        server_stop(server);
    return r;
}

static void enter_phase(struct server *server, enum server_phase phase)
{
    atomic_store_explicit(&server->phase, phase, memory_order_release);
    for (unsigned i = 0; i < server->running; i++)
        acceptor_wake(server->acceptors[i]);
}

static void wait_for_acceptors(struct server *server, const unsigned *count)
{
    pthread_mutex_lock(&server->lock);
    while (*count < server->running)
        pthread_cond_wait(&server->reached, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

void server_stop(struct server *server)
{
    enter_phase(server, PHASE_TAKING);
    wait_for_acceptors(server, &server->accepted);
    close_listeners(server);
    wait_for_acceptors(server, &server->taken);
    hub_close(server->hub);
    enter_phase(server, PHASE_CLOSED);
    for (unsigned i = 0; i < server->running; i++)
        pthread_join(server->acceptors[i]->thread, NULL);
    server->running = 0;
}

/* --- looking ------------------------------------------------------------------------------- */

unsigned server_address_count(const struct server *server)
{
    return server->options.listen_count;
}

/* The feed's listener is the one behind these. */
const char *server_address(const struct server *server, unsigned index)
{
    return index < server->options.listen_count ? server->listeners[index].address : NULL;
}

void server_totals(const struct server *server, struct net_totals *ret_totals)
{
    *ret_totals = (struct net_totals){0};
    for (unsigned i = 0; i < server->acceptor_count; i++) {
        const struct net_stats *stats = &server->acceptors[i]->stats;
#define ADD(name, kind, help)                                                                      \
    ret_totals->name += atomic_load_explicit(&stats->name, memory_order_relaxed);
        NET_STATS_TABLE(ADD)
#undef ADD
    }
}
