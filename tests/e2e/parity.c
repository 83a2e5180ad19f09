/* SPDX-License-Identifier: MIT */
/* A server with an administration, and how it is asked: see parity.h. */
#include "tests/e2e/parity.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"

#define OPTIONS_MOST 64

struct server parity;
char parity_said[65536], parity_head[4096], parity_place[160];

void parity_start(const char *const *options)
{
    const char *all[OPTIONS_MOST] = {"--workers", "2", "--admin", parity_place};
    unsigned count = 4;
    snprintf(parity_place, sizeof(parity_place), "unix:/tmp/fanfare-e2e-parity-%d", (int)getpid());
    for (; *options && count < OPTIONS_MOST - 1; options++)
        all[count++] = *options;
    server_start(&parity, all);
}

void parity_stop(void)
{
    server_stop(&parity);
}

static int ask(struct client client, const char *method, const char *target, const char *fields,
               const char *body)
{
    struct answer answer;
    client_request(&client, method, target, fields, body, strlen(body), &answer);
    int status = answer.status;
    snprintf(parity_said, sizeof(parity_said), "%s", answer.body);
    snprintf(parity_head, sizeof(parity_head), "%s", answer.head);
    answer_free(&answer);
    client_close(&client);
    return status;
}

int parity_ask(const char *method, const char *target, const char *fields, const char *body)
{
    struct client client;
    client_open(&client, &parity);
    return ask(client, method, target, fields, body);
}

int parity_admin(const char *method, const char *target, const char *body)
{
    return ask((struct client){.fd = connect_unix(parity_place + 5)}, method, target, NULL, body);
}

void parity_publish(const char *target, const char *fields, const char *body)
{
    int status = parity_ask("POST", target, fields, body);
    EXPECT(status == 200, "POST %s: %d %s", target, status, parity_said);
}

long long parity_number(const char *target, const char *name)
{
    char member[128];
    if (parity_admin("GET", target, "") != 200)
        return -1;
    snprintf(member, sizeof(member), "\"%s\": ", name);
    const char *at = strstr(parity_said, member);
    return at ? atoll(at + strlen(member)) : -1;
}

void parity_await(const char *target, const char *name, long long value)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    while (parity_number(target, name) != value) {
        REQUIRE(check_now_ms() < deadline, "%s: %s is not %lld: %s", target, name, value,
                parity_said);
        poll(NULL, 0, 5);
    }
}

void parity_open(struct stream *stream, const char *target, const char *fields)
{
    stream_open(stream, &parity, target, fields);
    stream_await_id(stream);
}

void parity_expect(struct stream *stream, const char *type, const char *data)
{
    stream_expect(stream, type, data, (char[136]){0});
}
