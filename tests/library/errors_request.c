/* SPDX-License-Identifier: MIT */
/*
 * The errors of requests that the program was asked about, each provoked: see errors.h.
 *
 * Each has an engine of its own, whose hook does what the row wants, or keeps the request for it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/library/engine.h"
#include "tests/library/errors.h"

enum { NEVER = 1 }; /* no result of an answer */

typedef int act(struct fanfare_request *request);

static struct {
    pthread_mutex_t lock;
    pthread_cond_t told;
    act *act; /* NULL: it is kept */
    struct fanfare_request *kept;
    int result;
} hook = {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};

static int on_request(struct fanfare_request *request, void *user)
{
    (void)user;
    pthread_mutex_lock(&hook.lock);
    if (hook.act)
        hook.result = hook.act(request);
    else
        hook.kept = request;
    pthread_cond_signal(&hook.told);
    pthread_mutex_unlock(&hook.lock);
    return 1;
}

/* An engine whose hook does this, and a client that has asked. */
static struct fanfare *asked(act *what, const char *target, const char *const *options,
                             struct client *client)
{
    struct server server;
    struct fanfare *fanfare = engine_new(options);
    hook.act = what;
    hook.kept = NULL;
    hook.result = NEVER;
    EXPECT_INT(fanfare_on_request(fanfare, on_request, NULL), 0);
    engine_start(fanfare, &server);
    client_open(client, &server);
    client_say(client, "GET ");
    client_say(client, target);
    client_say(client, " HTTP/1.1\r\nHost: x\r\n\r\n");
    pthread_mutex_lock(&hook.lock);
    while (!hook.kept && hook.result == NEVER)
        pthread_cond_wait(&hook.told, &hook.lock);
    pthread_mutex_unlock(&hook.lock);
    return fanfare;
}

static int in_hook_of(act *what, const char *target, const char *const *options)
{
    struct client client;
    struct fanfare *fanfare = asked(what, target, options, &client);
    client_close(&client);
    engine_end(fanfare);
    return hook.result;
}

static int in_hook(act *what)
{
    return in_hook_of(what, "/mine", NULL);
}

static int say(struct fanfare_request *request)
{
    return fanfare_request_reply(request, 200, NULL, "", 0, NULL);
}

/* --- the end came first ----------------------------------------------------------------------- */

static int gone(void)
{
    struct client client;
    struct server server = {0};
    struct fanfare *fanfare = asked(NULL, "/events/a", NULL, &client);
    char addresses[64];
    fanfare_get(fanfare, "addresses", addresses, sizeof(addresses));
    server.port = (uint16_t)strtoul(strrchr(addresses, ':') + 1, NULL, 10);
    client_close(&client);
    /* Who asks behind it is answered behind the look at it. */
    client_open(&client, &server);
    for (unsigned i = 0; i < 3; i++) {
        struct answer answer;
        client_request(&client, "GET", "/healthz", NULL, NULL, 0, &answer);
        answer_free(&answer);
    }
    client_close(&client);
    int r = say(hook.kept);
    engine_end(fanfare);
    return r;
}

static int late(void)
{
    static const char *const options[] = {"decide-timeout", "0.01", NULL};
    struct client client;
    struct answer answer;
    struct fanfare *fanfare = asked(NULL, "/mine", options, &client);
    REQUIRE(client_answer(&client, false, &answer), "no answer");
    answer_free(&answer);
    client_close(&client);
    int r = say(hook.kept);
    engine_end(fanfare);
    return r;
}

static int stopped(void)
{
    struct client client;
    struct fanfare *fanfare = asked(NULL, "/mine", NULL, &client);
    fanfare_stop(fanfare);
    client_close(&client);
    int r = say(hook.kept);
    fanfare_free(fanfare);
    return r;
}

/* --- replies ---------------------------------------------------------------------------------- */

static int say_nonsense(struct fanfare_request *request)
{
    return fanfare_request_reply(request, 1, NULL, "", 0, NULL);
}

static int say_lines(struct fanfare_request *request)
{
    return fanfare_request_reply(request, 200, NULL, "", 0, "no line");
}

static int say_much(struct fanfare_request *request)
{
    static char much[(16 << 20) + 1];
    return fanfare_request_reply(request, 200, NULL, much, sizeof(much), NULL);
}

static int status(void)
{
    return in_hook(say_nonsense);
}

static int lines(void)
{
    return in_hook(say_lines);
}

static int body(void)
{
    return in_hook(say_much);
}

/* --- streams ---------------------------------------------------------------------------------- */

static int accept_channel(struct fanfare_request *request, const char *channel, size_t len)
{
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = channel, .channel_len = len};
    return fanfare_request_accept(request, &subscription, NULL);
}

static int accept_empty(struct fanfare_request *request)
{
    return accept_channel(request, "", 0);
}

static int accept_long(struct fanfare_request *request)
{
    char name[FANFARE_CHANNEL_MAX + 2];
    memset(name, 'x', sizeof(name));
    return accept_channel(request, name, sizeof(name));
}

static int accept_text(struct fanfare_request *request)
{
    return accept_channel(request, "\xff", 1);
}

static int accept_none(struct fanfare_request *request)
{
    return fanfare_request_accept(request, NULL, NULL);
}

static int accept_news(struct fanfare_request *request)
{
    return accept_channel(request, "news", 4);
}

static int accept_lines(struct fanfare_request *request)
{
    struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                .channel = "news",
                                                .channel_len = 4,
                                                .head = "Content-Length: 1\r\n",
                                                .head_len = FANFARE_NUL};
    return fanfare_request_accept(request, &subscription, NULL);
}

static int channel_empty(void)
{
    return in_hook(accept_empty);
}

static int channel_long(void)
{
    return in_hook(accept_long);
}

static int channel_text(void)
{
    return in_hook(accept_text);
}

static int channels(void)
{
    return in_hook(accept_none);
}

static int head(void)
{
    return in_hook(accept_lines);
}

/* With one stream there is no place for another. */
static int full(void)
{
    static const char *const options[] = {"subscribers-per-address", "1", NULL};
    struct client client, other;
    struct server server = {0};
    char addresses[64];
    struct fanfare *fanfare = asked(accept_news, "/mine", options, &client);
    EXPECT_INT(hook.result, 0);
    fanfare_get(fanfare, "addresses", addresses, sizeof(addresses));
    server.port = (uint16_t)strtoul(strrchr(addresses, ':') + 1, NULL, 10);
    struct answer answer;
    client_open(&other, &server);
    client_request(&other, "GET", "/mine", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 503);
    answer_free(&answer);
    client_close(&other);
    client_close(&client);
    engine_end(fanfare);
    return hook.result;
}

static struct fanfare_request *another;

static int accept_another(struct fanfare_request *request)
{
    int r = fanfare_request_accept(another, NULL, NULL);
    say(request);
    return r;
}

static int deadlock(void)
{
    struct client client, other;
    struct server server = {0};
    char addresses[64];
    struct fanfare *fanfare = asked(NULL, "/mine", NULL, &client);
    another = hook.kept;
    fanfare_get(fanfare, "addresses", addresses, sizeof(addresses));
    server.port = (uint16_t)strtoul(strrchr(addresses, ':') + 1, NULL, 10);
    hook.act = accept_another;
    struct answer answer;
    client_open(&other, &server);
    client_request(&other, "GET", "/mine", NULL, NULL, 0, &answer);
    answer_free(&answer);
    client_close(&other);
    EXPECT_INT(say(another), 0);
    client_close(&client);
    engine_end(fanfare);
    return hook.result;
}

static int started(void)
{
    struct fanfare *fanfare = engine_silent(NULL);
    engine_start(fanfare, NULL);
    int r = fanfare_on_request(fanfare, on_request, NULL);
    engine_end(fanfare);
    return r;
}

const struct error_row errors_request[] = {
    {"fanfare_on_request", -EBUSY, started},
    {"fanfare_request_reply", -EPIPE, gone},
    {"fanfare_request_reply", -ETIMEDOUT, late},
    {"fanfare_request_reply", -ESHUTDOWN, stopped},
    {"fanfare_request_reply", -EINVAL, status},
    {"fanfare_request_reply", -E2BIG, body},
    {"fanfare_request_reply", FANFARE_ERROR_HEAD, lines},
    {"fanfare_request_accept", FANFARE_ERROR_HEAD, head},
    {"fanfare_request_accept", FANFARE_ERROR_CHANNELS, channels},
    {"fanfare_request_accept", FANFARE_ERROR_CHANNEL_EMPTY, channel_empty},
    {"fanfare_request_accept", FANFARE_ERROR_CHANNEL_LONG, channel_long},
    {"fanfare_request_accept", FANFARE_ERROR_CHANNEL_TEXT, channel_text},
    {"fanfare_request_accept", -ENOSPC, full},
    {"fanfare_request_accept", -EDEADLK, deadlock},
    {NULL, 0, NULL},
};
