/* SPDX-License-Identifier: MIT */
/* Engines with hooks: see hooked.h. */
#include "tests/library/hooked.h"

#include <stdio.h>
#include <string.h>

#include "tests/e2e/check.h"

struct hooked hooked = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};

struct fanfare *hooked_engine(struct server *ret_server, fanfare_request_hook hook,
                              const char *const *options)
{
    struct fanfare *fanfare = engine_new(options);
    EXPECT_INT(fanfare_on_request(fanfare, hook, &hooked), 0);
    hooked.kept_count = hooked.taken_count = 0;
    engine_start(fanfare, ret_server);
    return fanfare;
}

void hooked_keep(struct fanfare_request *request)
{
    pthread_mutex_lock(&hooked.lock);
    hooked.kept[hooked.kept_count++ % HOOKED_MAX] = request;
    pthread_cond_broadcast(&hooked.came);
    pthread_mutex_unlock(&hooked.lock);
}

struct fanfare_request *hooked_take(void)
{
    pthread_mutex_lock(&hooked.lock);
    while (hooked.taken_count == hooked.kept_count)
        pthread_cond_wait(&hooked.came, &hooked.lock);
    struct fanfare_request *request = hooked.kept[hooked.taken_count++ % HOOKED_MAX];
    pthread_mutex_unlock(&hooked.lock);
    return request;
}

void hooked_await(unsigned count)
{
    pthread_mutex_lock(&hooked.lock);
    while (hooked.kept_count - hooked.taken_count < count)
        pthread_cond_wait(&hooked.came, &hooked.lock);
    pthread_mutex_unlock(&hooked.lock);
}

int hooked_say(struct fanfare_request *request, const char *text)
{
    return fanfare_request_reply(request, 200, "text/plain", text, strlen(text), NULL);
}

bool hooked_is(struct fanfare_request *request, const char *path)
{
    return strcmp(fanfare_request_text(request, "path", NULL), path) == 0;
}

int hooked_note(int result)
{
    hooked.result = result;
    return 1;
}

void hooked_expect(struct client *client, const char *method, const char *target,
                   const char *fields, const char *body, int status, const char *wanted)
{
    struct answer answer;
    client_request(client, method, target, fields, body, body ? strlen(body) : 0, &answer);
    EXPECT(answer.status == status, "%s %s: %d", method, target, answer.status);
    EXPECT(answer.body && strstr(answer.body, wanted), "%s %s: %s", method, target,
           answer.body ? answer.body : "nothing");
    answer_free(&answer);
}

void hooked_expect_answer(struct client *client, int status, const char *wanted)
{
    struct answer answer;
    REQUIRE(client_answer(client, false, &answer), "no answer");
    EXPECT_INT(answer.status, status);
    EXPECT(strstr(answer.body, wanted), "%s", answer.body);
    answer_free(&answer);
}

void hooked_expect_text(struct fanfare_request *request, const char *item, const char *wanted)
{
    const char *text = fanfare_request_text(request, item, NULL);
    EXPECT(text && strcmp(text, wanted) == 0, "%s: %s", item, text ? text : "none");
}

int hooked_noted(struct client *client)
{
    hooked_expect(client, "GET", "/healthz", NULL, NULL, 200, "");
    return hooked.result;
}
