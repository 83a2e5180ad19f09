/* SPDX-License-Identifier: MIT */
/*
 * Reads requests and acts on them: see client.h.
 *
 * A turn is: read once if nothing is left to parse -> parse up to one request -> act -> keep what
 * is left of the input. Whatever acts ends in exactly one of: client_answered, hand_off,
 * wait_for_room.
 */
#include "net/client.h"

#include <errno.h>
#include <time.h>

#include "net/answer.h"
#include "net/client_input.h"
#include "net/handlers/publish.h"
#include "net/handlers/operations.h"
#include "net/handlers/page.h"
#include "net/http/answer.h"

static const struct connection_operations operations;

/* --- life ---------------------------------------------------------------------------------- */

static struct connection *client_new(struct service *service, int fd)
{
    struct client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    connection_init(&client->connection, &service->loop, &operations, fd);
    return &client->connection;
}

static size_t client_refusal(const char *sentence, char *out, size_t size)
{
    char retry[40];
    int len = snprintf(retry, sizeof(retry), "Retry-After: %d\r\n", RETRY_AFTER_S);
    struct http_answer answer = {.status = 503, .extra = {retry, (size_t)len}, .now = time(NULL)};
    return http_format_error(out, size, &answer, sentence, false, false);
}

static struct http_limits limits_now(const struct client *client)
{
    const struct server_options *options = &service_of(&client->connection)->limits.options;
    return (struct http_limits){.head_bytes_max = options->head_bytes_max,
                                .target_bytes_max = options->target_bytes_max,
                                .body_bytes_max = options->body_max};
}

/* Unless a request has begun. */
static void on_limits(struct connection *connection)
{
    struct client *client = (struct client *)connection;
    if (!client->head_done && !http_parser_begun(&client->parser))
        client->parser.limits = limits_now(client);
}

static size_t client_memory(const struct connection *connection)
{
    const struct client *client = (const struct client *)connection;
    return sizeof(*client) + (client->own_input ? client->capacity : 0) + client->frame_bytes +
           connection->output_capacity;
}

static void client_start(struct connection *connection)
{
    struct http_limits limits = limits_now((struct client *)connection);
    http_parser_init(&((struct client *)connection)->parser, &limits);
    connection_deadline(connection, DEADLINE_IDLE);
    connection_want(connection, EPOLLIN);
}

static void on_closed(struct connection *connection)
{
    client_unwait((struct client *)connection);
    service_leave(service_of(connection));
}

static void client_free(struct connection *connection)
{
    client_input_drop((struct client *)connection);
    connection_deinit(connection);
    free(connection);
}

const struct connection_kind client_kind = {
    .new = client_new,
    .start = client_start,
    .refusal = client_refusal,
};

/* --- after an answer ----------------------------------------------------------------------- */

static void next_request(struct client *client)
{
    struct connection *connection = &client->connection;
    client->parser.limits = limits_now(client);
    http_parser_start(&client->parser);
    client->head_done = false;
    client->request_done = false;
    client->is_send = false;
    connection_deadline(connection, DEADLINE_IDLE);
    if (client->at < client->len)
        connection_ready(connection);
    else
        connection_want(connection, EPOLLIN);
}

/* The answer was written or queued: go on with the next request, or end. */
void client_answered(struct client *client)
{
    struct connection *connection = &client->connection;
    if (client->close_after || connection->deaf) {
        connection_finish(connection);
    } else if (connection_has_output(connection)) {
        client->answering = true;
        connection_deadline(connection, DEADLINE_ANSWER);
        connection_want(connection, EPOLLOUT);
    } else {
        next_request(client);
    }
}

static void match_route(struct client *client)
{
    const struct http_request *request = &client->parser.request;
    route_match(request->method, http_text(client->input, request->target),
                &service_of(&client->connection)->route);
}

static void answer_refused(struct client *client, const struct route *route)
{
    answer_error(client, route->status, route->sentence, route->status == 405 ? route->allow : NULL,
                 route->json_errors);
}

/* An answer after which the connection ends, for the rest of the request is not read. */
static void refuse(struct client *client, int status, const char *sentence)
{
    bool json = client->is_send;
    if (client->head_done && !client->request_done && client->input) {
        match_route(client);
        json = service_of(&client->connection)->route.json_errors;
    }
    client->close_after = true;
    client->request_done = true;
    answer_error(client, status, sentence, NULL, json);
    client_answered(client);
}

/* There was no room for the request: what client_input_reserve said. */
static void refuse_large(struct client *client, int r)
{
    if (r == HUB_NO_MEMORY)
        net_count(&client->connection.loop->stats.requests_refused_memory);
    refuse(client, 503, r == HUB_NO_MEMORY ? CLIENT_NO_MEMORY : "the server is out of memory");
}

static void answer(struct client *client, const struct answer *answer)
{
    answer_send(client, answer);
    client_answered(client);
}

/* Text from malloc; NULL: there was no memory for it. */
static void answer_text(struct client *client, const char *content_type, char *text)
{
    if (text) {
        answer(client, &(struct answer){
                           .status = 200, .content_type = content_type, .body = text_of(text)});
        free(text);
        return;
    }
    answer_error(client, 503, "the server is out of memory", NULL, false);
    client_answered(client);
}

/* --- subscribing --------------------------------------------------------------------------- */

static void refuse_subscriber(struct client *client, const char *sentence)
{
    client->request_done = true;
    if (client->parser.request.has_body)
        client->close_after = true;
    answer_error(client, 503, sentence, NULL, false);
    client_answered(client);
}

/* Gives the socket to a worker. What the client has sent after the request is of no interest. */
static void hand_off(struct client *client, const struct route *route, uint64_t before)
{
    struct connection *connection = &client->connection;
    struct service *service = service_of(connection);
    const struct http_request *request = &client->parser.request;
    if (!service_may_subscribe(service)) {
        net_count(&service->loop.stats.subscribers_refused);
        refuse_subscriber(client, "the server has as many subscribers as it may");
        return;
    }
    char room[1280];
    struct text given = http_text(client->input, request->last_event_id);
    struct subscribe_request subscribe = {
        .fd = connection->fd,
        .before = before,
        .channels = route->channels,
        .channel_count = route->channel_count,
        /* The header is the newer of the two: a browser keeps the URL and sends what it saw last.
         */
        .has_resume = given.len > 0 || route->has_resume,
        .resume = given.len > 0 ? given : route->resume,
        .limit = route->limit,
        .last = route->last,
        .plain = request->minor == 0,
        .head = answer_stream_lines(client, room, sizeof(room)),
    };
    connection_want(connection, 0);
    if (connection->closed)
        return;
    int r = hub_subscribe(service->hub, &subscribe);
    if (r == 0) {
        net_count(&service->loop.stats.handed_off);
        connection_release(connection);
        return;
    }
    net_count(r == HUB_NO_MEMORY ? &service->loop.stats.subscribers_refused_memory
                                 : &service->loop.stats.subscribers_refused);
    refuse_subscriber(client, r == HUB_FULL        ? "no worker has room for a subscriber"
                              : r == HUB_NO_MEMORY ? CLIENT_NO_MEMORY
                              : r == -ESHUTDOWN    ? CLIENT_STOPPING
                                                   : "the server is out of memory");
}

/* --- requests ------------------------------------------------------------------------------ */

/* The whole request is here. */
static void on_request(struct client *client)
{
    const struct server_state *server = service_of(&client->connection)->server;
    const struct route *route = &service_of(&client->connection)->route;
    switch (route->kind) {
    case ROUTE_REFUSED:
        answer_refused(client, route);
        client_answered(client);
        return;
    case ROUTE_OPTIONS:
        answer(client,
               &(struct answer){.status = 204,
                                .allow = route->allow,
                                .preflight =
                                    client->parser.request.access_control_request_method.len > 0});
        return;
    case ROUTE_SUBSCRIBE: /* HEAD; GET was acted on when its head was complete */
        answer(client, &(struct answer){
                           .status = 200, .content_type = "text/event-stream", .no_length = true});
        return;
    case ROUTE_PUBLISH:
    case ROUTE_SEND:
        client_publish(client, route);
        return;
    case ROUTE_PAGE:
        answer(client, &(struct answer){.status = 200,
                                        .content_type = "text/html; charset=utf-8",
                                        .body = {page_html, page_html_len}});
        return;
    case ROUTE_HEALTH:
        answer(client, &(struct answer){.status = 200,
                                        .content_type = "text/plain; charset=utf-8",
                                        .body = TEXT("ok\n")});
        return;
    case ROUTE_STATS:
        answer_text(client, "application/json", operations_stats(server));
        return;
    case ROUTE_METRICS:
        answer_text(client, METRICS_CONTENT_TYPE, operations_metrics(server));
        return;
    }
}

/* The head is here. False: it was acted on, and the rest of the request does not matter. */
static bool on_head(struct client *client)
{
    struct service *service = service_of(&client->connection);
    const struct http_request *request = &client->parser.request;
    uint64_t before = hub_next_sequence(service->hub);
    client->head_done = true;
    net_count(&service->loop.stats.requests);
    match_route(client);
    const struct route *route = &service->route;
    if (route->kind == ROUTE_SUBSCRIBE && request->method == METHOD_GET) {
        hand_off(client, route, before);
        return false;
    }
    if (!request->has_body)
        return true;
    if (route->kind == ROUTE_REFUSED) {
        client->close_after = true;
        client->request_done = true;
        answer_refused(client, route);
        client_answered(client);
        return false;
    }
    connection_deadline(&client->connection, DEADLINE_BODY);
    /* One step to the full size, when it is known. */
    bool expects = request->expect_continue && client->at == client->len;
    int r = 0;
    if (client->at + request->content_length > client->len)
        r = client_input_reserve(client, request->content_length);
    if (r)
        refuse_large(client, r);
    else if (expects)
        answer_continue(client);
    return r == 0;
}

/* Parses up to one request and acts on it. */
static void parse(struct client *client)
{
    for (;;) {
        enum http_result result =
            http_parse(&client->parser, client->input, client->at, client->len, &client->at);
        switch (result) {
        case PARSE_MORE:
            client->len = client->at;
            if (!client->head_done && http_parser_begun(&client->parser) &&
                client->connection.deadline.kind != DEADLINE_HEAD)
                connection_deadline(&client->connection, DEADLINE_HEAD);
            return;
        case PARSE_HEAD:
            if (!on_head(client))
                return;
            break;
        case PARSE_DONE:
            client->request_done = true;
            if (client->parser.request.has_body)
                match_route(client); /* others have used the acceptor's since */
            on_request(client);
            return;
        case PARSE_REFUSED:
            refuse(client, client->parser.status, client->parser.sentence);
            return;
        }
    }
}

/* --- turns --------------------------------------------------------------------------------- */

/* The client sends no more. An unfinished request is told so; it may still be listening. */
static void on_end(struct client *client)
{
    if (client->head_done || http_parser_begun(&client->parser))
        refuse(client, 400, "the request ended before it was complete");
    else
        connection_close(&client->connection);
}

static void turn(struct client *client)
{
    struct connection *connection = &client->connection;
    int r = client->at == client->len ? client_input_read(client) : 0;
    if (r) {
        refuse_large(client, r);
        return;
    }
    if (client->at < client->len)
        parse(client);
    else if (connection->ended)
        on_end(client);
    r = connection->closed || connection->finishing ? 0 : client_input_keep(client);
    if (r && !client->request_done)
        refuse_large(client, r);
    else if (r)
        connection_close(connection);
    if (connection->closed || connection->finishing)
        client_input_drop(client);
}

static void on_event(struct connection *connection)
{
    struct client *client = (struct client *)connection;
    if (waiter_waits(&client->waiter) || link_is_listed(&connection->ready))
        return;
    connection_flush(connection);
    if (client->answering) {
        if (connection_has_output(connection))
            return;
        client->answering = false;
        client_answered(client);
        if (connection->closed || connection->finishing || link_is_listed(&connection->ready))
            return;
    }
    turn(client);
}

static void on_ready(struct connection *connection)
{
    turn((struct client *)connection);
}

static bool on_room(struct connection *connection)
{
    return client_retry((struct client *)connection);
}

static void on_expired(struct connection *connection)
{
    struct client *client = (struct client *)connection;
    struct service *service = service_of(connection);
    switch ((enum deadline_kind)connection->deadline.kind) {
    case DEADLINE_ROOM:
        client_unwait(client);
        net_count(&service->loop.stats.publishes_refused_busy);
        answer_error(client, 503,
                     hub_memory_is_full(service->hub) ? CLIENT_NO_MEMORY
                                                      : "the channel has no room now, try again",
                     NULL, client->is_send);
        client_answered(client);
        return;
    case DEADLINE_HEAD:
        net_count(&service->loop.stats.timeouts_request);
        refuse(client, 408, "the request head was not complete in time");
        return;
    default:
        net_count(&service->loop.stats.timeouts_request);
        refuse(client, 408, "the request body was not complete in time");
        return;
    }
}

static void on_stop(struct connection *connection)
{
    struct client *client = (struct client *)connection;
    bool waits = waiter_waits(&client->waiter);
    if (!waits && !client->answering) {
        /* A request that has just come would be reset by the close: it is answered instead. */
        turn(client);
        if (connection->closed || connection->finishing)
            return;
    }
    if (waits) {
        client_unwait(client);
        refuse(client, 503, CLIENT_STOPPING);
    } else if (client->answering) {
        connection_finish(connection);
    } else if (client->head_done || http_parser_begun(&client->parser)) {
        refuse(client, 503, CLIENT_STOPPING);
    } else {
        connection_close(connection);
    }
}

static const struct connection_operations operations = {
    .on_event = on_event,
    .on_ready = on_ready,
    .on_room = on_room,
    .on_expired = on_expired,
    .on_limits = on_limits,
    .on_stop = on_stop,
    .on_closed = on_closed,
    .memory = client_memory,
    .free = client_free,
};
