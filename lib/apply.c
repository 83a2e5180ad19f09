/* SPDX-License-Identifier: MIT */
/*
 * Other options for an engine that runs: all of them or none.
 *
 * Everything that can fail is done first: the settings are made, the server prepares what it makes
 * of them, the hub an order for each worker. Then all of it holds, and none of that can fail. Texts
 * that are borrowed live as long as the terms they are of: those of the start to the end, others
 * until the next ones hold.
 */
#include <pthread.h>
#include <signal.h>

#include "lib/access_log.h"
#include "lib/instance.h"
#include "lib/notes.h"

/* All that is made beforehand. */
struct prepared {
    struct terms *terms;
    struct server_change *server;
    struct hub_change *hub;
};

static void forget(struct prepared *prepared)
{
    server_forget(prepared->server);
    hub_forget(prepared->hub);
    terms_free(prepared->terms);
}

static int prepare(struct fanfare *fanfare, struct prepared *prepared)
{
    char error[INSTANCE_ERROR_BYTES] = "out of memory";
    int r = terms_new(&fanfare->staged, &prepared->terms, error, sizeof(error));
    if (r == 0)
        r = server_prepare(fanfare->server, &prepared->terms->settings.server, &prepared->server,
                           error, sizeof(error));
    if (r < 0)
        return instance_refuse_terms(fanfare, r, error);
    r = hub_prepare(fanfare->hub, &prepared->terms->settings.hub, &prepared->hub);
    return r < 0 ? instance_refuse(fanfare, r, "%s", fanfare_strerror(r)) : 0;
}

static void commit(struct fanfare *fanfare, struct prepared *prepared)
{
    server_change(fanfare->server, prepared->server);
    hub_change(fanfare->hub, prepared->hub);
    notes_limit(fanfare->notes, prepared->terms->settings.server.subscribers_max);
    atomic_store_explicit(&fanfare->keeper.drain_ms, prepared->terms->settings.hub.drain_timeout_ms,
                          memory_order_relaxed);
    terms_free(fanfare->applied);
    fanfare->applied = prepared->terms;
}

/* In any case, for who has moved the file away waits for it; what is wrong with it is a fact. */
static void reopen(struct fanfare *fanfare)
{
    int r = fanfare->access_log ? access_log_reopen(fanfare->access_log) : 0;
    fanfare->access_log_refused = -r;
}

/* Before it runs: whether all of it could hold. */
static int look(struct fanfare *fanfare)
{
    char error[INSTANCE_ERROR_BYTES] = "out of memory";
    struct terms *terms = NULL;
    int r = instance_take_refused(fanfare);
    if (r < 0)
        return r;
    r = terms_new(&fanfare->staged, &terms, error, sizeof(error));
    if (r == 0)
        r = server_options_check(&terms->settings.server, NULL, error, sizeof(error));
    terms_free(terms);
    return r < 0 ? instance_refuse_terms(fanfare, r, error) : 0;
}

/* While the keeper waits with the stop, if it has not begun. */
static int change(struct fanfare *fanfare)
{
    struct prepared prepared = {.terms = NULL};
    sigset_t all, before;
    reopen(fanfare);
    int r = instance_take_refused(fanfare);
    if (r < 0) /* and fanfare->error says why */
        return r;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread that is needed now inherits that */
    r = prepare(fanfare, &prepared);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0)
        forget(&prepared);
    else
        commit(fanfare, &prepared);
    return r;
}

static int change_unless_it_stops(struct fanfare *fanfare)
{
    pthread_mutex_lock(&fanfare->keeper.lock);
    int r = fanfare->keeper.begun ? instance_refuse(fanfare, -ESHUTDOWN, "it does not run any more")
                                  : change(fanfare);
    pthread_mutex_unlock(&fanfare->keeper.lock);
    return r;
}

int fanfare_apply(struct fanfare *fanfare)
{
    int r = instance_check(fanfare);
    if (r < 0)
        return r;
    int state = atomic_load_explicit(&fanfare->state, memory_order_acquire);
    if (state == INSTANCE_NEW)
        r = look(fanfare);
    else if (state == INSTANCE_RUNNING)
        r = change_unless_it_stops(fanfare);
    else
        r = instance_refuse(fanfare, -ESHUTDOWN, "it does not run any more");
    if (r == 0)
        fanfare->error[0] = '\0';
    return r;
}
