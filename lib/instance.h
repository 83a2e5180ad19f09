/* SPDX-License-Identifier: MIT */
/*
 * An engine, as its public functions see it, and what each of them asks first.
 *
 * States: NEW (options are set) -> RUNNING (fanfare_start) -> DRAINING (fanfare_drain, or a stop)
 * -> STOPPED (lib/keeper.h). It never goes back; an engine that could not start is NEW again.
 *
 * `hub`, `server` and `notes` are written by the owner's thread while it starts, before `state`
 * says RUNNING (release; instance_running reads it with acquire), and stay until fanfare_free: so
 * whoever saw RUNNING may use them until then.
 *
 * A process that was forked has a copy of all this and none of the threads. `alive` is a page that
 * the kernel gives the child as zeros (MADV_WIPEONFORK): a load tells both apart.
 */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/hub.h"
#include "fanfare.h"
#include "lib/staged.h"
#include "lib/terms.h"
#include "net/host.h"
#include "net/server.h"

struct access_log;
struct notes;

enum instance_state { INSTANCE_NEW, INSTANCE_RUNNING, INSTANCE_DRAINING, INSTANCE_STOPPED };

enum { INSTANCE_ERROR_BYTES = 1024 };

/* Of the thread that leaves: lib/keeper.h. */
struct keeper {
    pthread_mutex_t lock; /* of fanfare_apply, while it changes something, and the keeper's begin */
    bool begun;           /* it stops server and hub: nothing of them is changed any more */
    sem_t asked;
    _Atomic bool leaves;       /* somebody has asked, perhaps before the start was over */
    _Atomic uint32_t drain_ms; /* of the whole stop; relaxed: a number alone */
    pthread_t thread;
    bool runs; /* the owner's */
};

struct fanfare {
    const unsigned char *alive; /* 1; in a child 0 */
    _Atomic int state;          /* enum instance_state */
    struct hub *hub;
    struct server *server;
    struct notes *notes;
    fanfare_request_hook hook; /* NULL: none; written before it starts */
    void *hook_user;
    unsigned ask_kinds;    /* bits of FANFARE_REQUEST_, which are noted instead; likewise */
    struct host_hook host; /* what the server knows of it */
    int64_t started_ns;    /* likewise */
    /* The owner's alone. */
    struct staged staged; /* as it was set */
    struct terms *begun;  /* which it was started with, and hub and server borrow from */
    int refused;          /* by fanfare_set, and not told by fanfare_start yet; 0: nothing */
    char error[INSTANCE_ERROR_BYTES];
    struct terms *applied; /* what holds now, where that is not what it was started with */
    struct keeper keeper;
    struct access_log *access_log; /* NULL: none; constant while it runs */
    int access_log_refused;        /* why it could not be opened again; an errno; 0: it could */
};

/* Whether this thread is in a request hook, where nobody may wait. */
extern _Thread_local bool instance_in_hook;

/* Keeps the sentence for fanfare_error, and returns `result`. The owner. */
__attribute__((format(printf, 3, 4))) int instance_refuse(struct fanfare *fanfare, int result,
                                                          const char *format, ...);

/* The same of what terms_new and its kin say: a value that is wrong has a number of its own. */
int instance_refuse_terms(struct fanfare *fanfare, int r, const char *error);
/* What fanfare_set refused, which fanfare_error says the sentence of; once. */
int instance_take_refused(struct fanfare *fanfare);

/* 0; -EINVAL: NULL; -ECHILD: of a process that was forked. */
static inline int instance_check(const struct fanfare *fanfare)
{
    if (!fanfare)
        return -EINVAL;
    return *(const volatile unsigned char *)fanfare->alive ? 0 : -ECHILD;
}

/* Likewise, and -ESHUTDOWN: it does not run, or is about to end. */
static inline int instance_running(const struct fanfare *fanfare)
{
    int r = instance_check(fanfare);
    if (r < 0)
        return r;
    /* pairs: fanfare_start's release */
    return atomic_load_explicit(&fanfare->state, memory_order_acquire) == INSTANCE_RUNNING
               ? 0
               : -ESHUTDOWN;
}

/* As instance_check, and -ESHUTDOWN: it was never started. What has been, has its hub. */
static inline int instance_begun(const struct fanfare *fanfare)
{
    int r = instance_check(fanfare);
    if (r < 0)
        return r;
    /* pairs: fanfare_start's release */
    return atomic_load_explicit(&fanfare->state, memory_order_acquire) == INSTANCE_NEW ? -ESHUTDOWN
                                                                                       : 0;
}
