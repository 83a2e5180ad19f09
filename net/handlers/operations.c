/* SPDX-License-Identifier: MIT */
/* Answers about the server itself: see operations.h. */
#include "net/handlers/operations.h"

#include <jansson.h>

#include "engine/base/clock.h"
#include "engine/frame.h"
#include "net/answer.h"
#include "net/numbers.h"
#include "net/tally.h"

/* A name that resolves to several addresses has a listener for each. */
static unsigned listener_parts(const struct server_state *server,
                               struct number_part parts[LISTENERS_MAX])
{
    uint64_t subscribers[SUBSCRIBER_GROUPS_MAX];
    unsigned count = 0;
    hub_groups(server->hub, subscribers);
    for (unsigned i = 0; i < server->listener_count; i++)
        if (server->listeners[i].kind == LISTENER_HTTP)
            parts[count++] = (struct number_part){server->listeners[i].address, subscribers[i]};
    return count;
}

/* NULL: out of memory. */
static json_t *object_of(const struct number_part *parts, unsigned count)
{
    json_t *object = json_object();
    for (unsigned i = 0; object && i < count; i++)
        if (json_object_set_new(object, parts[i].word, json_integer((json_int_t)parts[i].value)))
            object = (json_decref(object), NULL);
    return object;
}

/* By pattern, as they stand; of two rules with the same one the first holds. What is no text (an
 * option's bytes may be any) is no channel's name either. NULL: out of memory. */
static json_t *rules_object(const struct server_limits *limits)
{
    json_t *object = json_object();
    for (unsigned i = 0; object && i < rules_count(limits->channels); i++) {
        struct text pattern = rules_pattern(limits->channels, i);
        if (!frame_is_text(pattern))
            continue;
        json_t *count = json_integer((json_int_t)tally_count(limits->tally, TALLY_RULE, pattern));
        if (json_object_setn_new(object, pattern.at, pattern.len, count))
            object = (json_decref(object), NULL);
    }
    return object;
}

static uint64_t uptime_s(const struct server_state *server)
{
    return (uint64_t)((clock_ns() - server->started_ns) / 1000000000);
}

static void read_numbers(const struct server_state *server, struct numbers *numbers)
{
    struct net_totals totals;
    server_state_totals(server, &totals);
    numbers_read(server->hub, &totals, numbers);
}

static char *stats_text(const struct server_state *server, const struct server_limits *limits)
{
    struct numbers numbers;
    struct number_part closed[NUMBERS_CLOSED], refused[NUMBERS_REFUSED], listeners[LISTENERS_MAX];
    read_numbers(server, &numbers);
    numbers_closed(&numbers, closed);
    numbers_refused(&numbers, refused);
    json_t *object = json_pack("{s:s,s:s,s:I,s:I,s:I}", "version", FANFARE_VERSION, "io",
                               hub_io_name(server->hub), "uptime_s", (json_int_t)uptime_s(server),
                               "workers", (json_int_t)hub_workers(server->hub), "acceptors",
                               (json_int_t)server->acceptor_count);
    int r = object ? 0 : -1;
    for (unsigned i = 0; i < NUMBERS && !r; i++)
        r = json_object_set_new(object, number_at(i)->name,
                                json_integer((json_int_t)numbers.values[i]));
    if (!r)
        r = json_object_set_new(object, "subscribers_by_listener",
                                object_of(listeners, listener_parts(server, listeners)));
    if (!r)
        r = json_object_set_new(object, "subscribers_by_rule", rules_object(limits));
    if (!r)
        r = json_object_set_new(object, "closed_by_reason", object_of(closed, NUMBERS_CLOSED));
    if (!r)
        r = json_object_set_new(object, "refused_by_reason", object_of(refused, NUMBERS_REFUSED));
    char *text = r ? NULL : json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    return text;
}

static char *metrics_text(const struct server_state *server)
{
    struct numbers numbers;
    read_numbers(server, &numbers);
    return numbers_metrics(server->hub, &numbers, uptime_s(server));
}

static const struct server_state *server_of(const struct client *client)
{
    return service_of(&client->connection)->server;
}

/* Text from malloc; NULL: there was no memory for it. */
static enum handler_result answer_text(struct client *client, const char *content_type, char *text)
{
    if (!text)
        return answer_error(client, 503, "the server is out of memory");
    answer_send(client, &(struct answer){
                            .status = 200, .content_type = content_type, .body = text_of(text)});
    free(text);
    return ANSWERED;
}

static enum handler_result on_health(struct client *client)
{
    return answer_send(client, &(struct answer){.status = 200,
                                                .content_type = "text/plain; charset=utf-8",
                                                .body = TEXT("ok\n")});
}

static enum handler_result on_stats(struct client *client)
{
    return answer_text(client, "application/json",
                       stats_text(server_of(client), &service_of(&client->connection)->limits));
}

static enum handler_result on_metrics(struct client *client)
{
    return answer_text(client, "text/plain; version=0.0.4; charset=utf-8",
                       metrics_text(server_of(client)));
}

const struct handler operations_health = {.on_request = on_health};
const struct handler operations_stats = {.on_request = on_stats};
const struct handler operations_metrics = {.on_request = on_metrics};
