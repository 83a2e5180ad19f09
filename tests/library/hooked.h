/* SPDX-License-Identifier: MIT */
/*
 * What the tests of request hooks share: an engine with a hook, the requests that the hook keeps
 * for the test's own threads, and what the hook notes for the test to look at.
 *
 * Requests are kept in the order in which they came. hooked_keep, hooked_take and hooked_await are
 * any thread's, the rest is the test's, or the hook's.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "tests/e2e/client.h"
#include "tests/library/engine.h"

enum { HOOKED_MAX = 12000 };

struct hooked {
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct fanfare_request *kept[HOOKED_MAX];
    unsigned kept_count, taken_count;
    _Atomic unsigned calls;
    _Atomic int result, second; /* of what the hook said */
    uint64_t subscriber;
};

extern struct hooked hooked;

/* It listens, with this hook, whose user is &hooked. */
struct fanfare *hooked_engine(struct server *ret_server, fanfare_request_hook hook,
                              const char *const *options);
void hooked_keep(struct fanfare_request *request);
/* The next one that was kept. */
struct fanfare_request *hooked_take(void);
/* Until so many are kept. */
void hooked_await(unsigned count);

/* A reply of 200. */
int hooked_say(struct fanfare_request *request, const char *text);
bool hooked_is(struct fanfare_request *request, const char *path);
/* Whose result the test looks at. Returns 1. */
int hooked_note(int result);

/* A request on an open connection, and what its answer must be. */
void hooked_expect(struct client *client, const char *method, const char *target,
                   const char *fields, const char *body, int status, const char *wanted);
void hooked_expect_answer(struct client *client, int status, const char *wanted);
void hooked_expect_text(struct fanfare_request *request, const char *item, const char *wanted);
/* What the hook of the request before this one has noted, which may go on behind its answer. */
int hooked_noted(struct client *client);
