/* SPDX-License-Identifier: MIT */
/*
 * An application that the server under test asks: a little HTTP server of the test's own, with a
 * thread for each connection.
 *
 * It answers what the target that it is asked about says in its path: `s403` is a status, `hold`
 * waits until it is told to go on, and so forth (the list is in application.c). What it was asked
 * last, and how often, can be looked at from the test's thread.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct application {
    int listener;
    char url[128]; /* of --authorize-url */
    char path[64]; /* of its socket; empty: TCP */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char last[8192];              /* the head it was asked with last */
    bool holds;                   /* who is asked `hold` waits */
    const char *document;         /* what is at its URL for who asks for that; NULL: 500 */
    _Atomic unsigned asked;       /* heads that have come */
    _Atomic unsigned connections; /* accepted so far */
    _Atomic unsigned open;        /* and not closed */
    _Atomic unsigned most;        /* of them, at once */
};

void application_start(struct application *application, bool over_unix);
void application_stop(struct application *application);
/* Lets everybody go on who is held, and holds nobody from now on. */
void application_release(struct application *application);
/* What it says from now on to who asks about no client. */
void application_publish(struct application *application, const char *document);
/* Waits until it was asked so often. */
void application_await(struct application *application, unsigned asked);
/* Waits until so few connections are open. */
void application_await_open(struct application *application, unsigned open);
/* Whether the head that it was asked with last has this line. */
bool application_was_told(struct application *application, const char *line);
