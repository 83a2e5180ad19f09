/* SPDX-License-Identifier: MIT */
/*
 * Starts and stops the acceptors: see server.h for the contract and server_state.h for what they
 * share.
 *
 * Everything that can fail for reasons of the machine (addresses, paths, descriptors) fails in
 * server_new, before a thread runs. Stopping is a barrier: the phase is moved on, every acceptor is
 * woken, and the count of those that have followed is waited for under the lock.
 */
#include "net/server.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "net/acceptor.h"
#include "net/adopt.h"
#include "net/fetch/fetcher.h"
#include "net/jwks.h"
#include "net/listen_spec.h"
#include "net/presence.h"
#include "net/server_state.h"

struct server {
    struct server_state state;
    struct server_options options; /* as it was made */
    struct acceptor **acceptors;
    unsigned address_count; /* listeners for HTTP, the first ones */
    unsigned running;       /* acceptors whose thread was started */
};

#define ADMIN_MODE 0600 /* of its socket file: whoever runs the server, and root */

/* --- new and free -------------------------------------------------------------------------- */

/* What holds for this one alone, else for all. */
static void set_up(struct listener *listener, const struct listen_spec *spec,
                   const struct server_options *options)
{
    listener->routes = spec->routes;
    listener->proxied = spec->has_proxy_protocol ? spec->proxy_protocol : options->proxy_protocol;
}

/* Behind those for HTTP. What a name means may have changed since it was checked. */
static int open_admin(struct server *server, char *error, size_t error_size)
{
    const struct server_options *options = &server->options;
    struct server_state *state = &server->state;
    struct listener *first = &state->listeners[state->listener_count];
    char fault[512];
    unsigned count = 0;
    int r = listener_open(first, LISTENERS_MAX - 2 - state->listener_count, LISTENER_ADMIN,
                          options->admin, ADMIN_MODE, &count, fault, sizeof(fault));
    if (r) {
        snprintf(error, error_size, "admin: %s", fault);
        return r;
    }
    state->listener_count += count;
    for (unsigned i = 0; i < count && !r; i++)
        if (!options->admin_token_file && !listener_is_bound_locally(&first[i])) {
            snprintf(error, error_size, SERVER_ADMIN_OPEN, options->admin);
            r = -EINVAL;
        }
    return r;
}

static int open_file(struct server *server, enum listener_kind kind, const char *path, mode_t mode,
                     char *error, size_t error_size)
{
    struct server_state *state = &server->state;
    int r = listener_open_file(&state->listeners[state->listener_count], kind, path, mode, error,
                               error_size);
    state->listener_count += r == 0;
    return r;
}

static int open_listeners(struct server *server, char *error, size_t error_size)
{
    const struct server_options *options = &server->options;
    struct server_state *state = &server->state;
    for (unsigned i = 0; i < options->listen_count; i++) {
        struct listener *first = &state->listeners[state->listener_count];
        struct listen_spec spec;
        unsigned count = 0;
        int r = listen_spec_read(options->listen[i], &spec, error, error_size);
        if (!r)
            r = listener_open(first, LISTENERS_MAX - LISTENERS_KEPT - state->listener_count,
                              LISTENER_HTTP, spec.address,
                              spec.has_mode ? spec.mode : options->listen_mode, &count, error,
                              error_size);
        if (r)
            return r;
        for (unsigned j = 0; j < count; j++)
            set_up(&first[j], &spec, options);
        state->listener_count += count;
    }
    server->address_count = state->listener_count;
    int r = options->admin ? open_admin(server, error, error_size) : 0;
    if (!r && options->feed)
        r = open_file(server, LISTENER_FEED, options->feed, options->feed_mode, error, error_size);
    if (!r && options->handoff)
        r = open_file(server, LISTENER_HANDOFF, options->handoff, options->handoff_mode, error,
                      error_size);
    return r;
}

static void tune_listeners(struct server *server, const struct server_options *options)
{
    struct listener_tuning tuning = server_tuning(options);
    for (unsigned i = 0; i < server->state.listener_count; i++)
        listener_tune(&server->state.listeners[i], &tuning);
}

static int make_acceptors(struct server *server, char *error, size_t error_size)
{
    unsigned count = server->state.listener_count > 0 ? server->options.acceptors : 0;
    if (count == 0)
        return 0;
    server->acceptors = calloc(count, sizeof(*server->acceptors));
    int r = server->acceptors ? 0 : -ENOMEM;
    for (unsigned i = 0; i < count && !r; i++) {
        r = acceptor_new(&server->state, &server->acceptors[i]);
        if (!r)
            server->state.stats[server->state.acceptor_count++] =
                &server->acceptors[i]->service.loop.stats;
    }
    if (r)
        snprintf(error, error_size, "cannot set up acceptor threads: %s%s", strerror(-r),
                 r == -EMFILE ? "; raise the limit of open files (ulimit -n)" : "");
    return r;
}

/* All of them, whether their threads run or not. */
static void on_keys(void *context)
{
    struct server *server = context;
    for (unsigned i = 0; i < server->state.acceptor_count; i++)
        acceptor_wake(server->acceptors[i]);
}

/* Only where somebody is to be asked. */
static int make_fetcher(struct server *server, char *error, size_t error_size)
{
    struct server_state *state = &server->state;
    const char *url = server->options.authorize_url;
    const char *keys = server_options_jwks_url(&server->options);
    if (!url && !keys)
        return 0;
    state->authorizes = url && !fetch_place_read(url, &state->authorize_place);
    int r = fetcher_new(&state->fetcher);
    if (!r && keys)
        r = jwks_new(state, keys, on_keys, server, &state->jwks);
    if (r)
        snprintf(error, error_size, "cannot set up the thread that asks other servers: %s",
                 strerror(-r));
    return r;
}

int server_new(struct hub *hub, const struct server_parts *parts,
               const struct server_options *options, struct server **ret_server, char *error,
               size_t error_size)
{
    struct server_rules rules;
    int r = server_options_check(options, &rules, error, error_size);
    if (r)
        return r;
    struct server *server = calloc(1, sizeof(*server));
    if (!server) {
        server_rules_deinit(&rules);
        snprintf(error, error_size, "cannot start the server: out of memory");
        return -ENOMEM;
    }
    server->options = *options;
    r = server_state_init(&server->state, hub, parts, options, &rules);
    if (r)
        snprintf(error, error_size, "cannot start the server: out of memory");
    else
        r = open_listeners(server, error, error_size);
    tune_listeners(server, options);
    if (!r)
        r = make_fetcher(server, error, error_size);
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
    for (unsigned i = 0; i < server->state.listener_count; i++)
        listener_close(&server->state.listeners[i]);
}

struct server *server_free(struct server *server)
{
    if (!server)
        return NULL;
    CHECK(server->running == 0);
    for (unsigned i = 0; i < server->state.acceptor_count; i++)
        acceptor_free(server->acceptors[i]);
    free(server->acceptors);
    fetcher_free(server->state.fetcher);
    jwks_free(server->state.jwks);
    close_listeners(server);
    server_state_deinit(&server->state);
    free(server);
    return NULL;
}

static void wake_all(struct server *server)
{
    for (unsigned i = 0; i < server->running; i++)
        acceptor_wake(server->acceptors[i]);
}

static bool has_same_url(const struct server_options *options, const struct server_options *other)
{
    const char *url = server_options_jwks_url(options), *next = server_options_jwks_url(other);
    return url && next ? strcmp(url, next) == 0 : url == next;
}

struct server_change {
    struct server_options options;
    struct server_rules rules;
};

/* What is made here and not needed in the end is kept for the next time. */
static int prepare(struct server *server, struct server_change *change, char *error,
                   size_t error_size)
{
    int r = server_options_check(&change->options, &change->rules, error, error_size);
    if (r)
        return r;
    r = server_state_prepare(&server->state, &change->options, &change->rules);
    if (r) {
        snprintf(error, error_size, "out of memory");
        return r;
    }
    r = server->state.presence ? presence_start(server->state.presence) : 0;
    if (r)
        snprintf(error, error_size, "cannot start the thread of presence: %s", strerror(-r));
    return r;
}

int server_prepare(struct server *server, const struct server_options *options,
                   struct server_change **ret_change, char *error, size_t error_size)
{
    if (!has_same_url(&server->options, options)) {
        snprintf(error, error_size, "jwt-jwks: a URL can be changed by a restart alone");
        return -EINVAL;
    }
    struct server_change *change = calloc(1, sizeof(*change));
    if (!change) {
        snprintf(error, error_size, "out of memory");
        return -ENOMEM;
    }
    change->options = server->options;
    server_options_change(&change->options, options);
    int r = prepare(server, change, error, error_size);
    if (r)
        server_forget(change);
    else
        *ret_change = change;
    return r;
}

void server_forget(struct server_change *change)
{
    if (change)
        server_rules_deinit(&change->rules);
    free(change);
}

void server_change(struct server *server, struct server_change *change)
{
    server_state_limit(&server->state, &change->options, &change->rules);
    tune_listeners(server, &change->options);
    wake_all(server);
    if (server->state.jwks)
        jwks_again(server->state.jwks);
    free(change);
}

/* --- start and stop ------------------------------------------------------------------------ */

int server_start(struct server *server)
{
    /* Signals are for the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = server->state.fetcher ? fetcher_run(server->state.fetcher) : 0;
    if (!r && server->state.presence)
        r = presence_start(server->state.presence);
    for (unsigned i = 0; i < server->state.acceptor_count && !r; i++) {
        struct acceptor *acceptor = server->acceptors[i];
        r = -pthread_create(&acceptor->thread, NULL, acceptor_run, acceptor);
        if (!r)
            server->running++;
    }
    if (!r && server->state.jwks)
        jwks_start(server->state.jwks);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r)
        server_stop(server);
    return r;
}

static void enter_phase(struct server *server, enum server_phase phase)
{
    for (unsigned i = 0; i < server->running; i++)
        acceptor_order(server->acceptors[i], phase);
}

void server_stop(struct server *server)
{
    struct server_state *state = &server->state;
    enter_phase(server, PHASE_TAKING);
    server_state_await(state, &state->accepted, server->running);
    close_listeners(server);
    server_state_await(state, &state->taken, server->running);
    hub_close(state->hub);
    enter_phase(server, PHASE_CLOSED);
    for (unsigned i = 0; i < server->running; i++)
        pthread_join(server->acceptors[i]->thread, NULL);
    server->running = 0;
    if (server->state.fetcher)
        fetcher_stop(server->state.fetcher);
    if (server->state.presence)
        presence_stop(server->state.presence);
}

/* --- looking ------------------------------------------------------------------------------- */

void server_totals(const struct server *server, struct net_totals *ret_totals)
{
    server_state_totals(&server->state, ret_totals);
}

int server_adopt(struct server *server, int fd, const struct adoption *adoption,
                 uint64_t *ret_subscriber, char *error)
{
    return adopt_socket(&server->state, fd, adoption, ret_subscriber, error);
}

struct journal *server_journal(const struct server *server)
{
    return server->state.journal;
}

unsigned server_address_count(const struct server *server)
{
    return server->address_count;
}

const char *server_admin_address(const struct server *server)
{
    const struct listener *listener = &server->state.listeners[server->address_count];
    return server->options.admin ? listener->address : NULL;
}

const char *server_address(const struct server *server, unsigned index)
{
    return index < server->address_count ? server->state.listeners[index].address : NULL;
}
