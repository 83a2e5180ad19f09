/* SPDX-License-Identifier: MIT */
/*
 * Reads requests and has them answered: see exchange.h.
 *
 * A turn is: read once if nothing is left to parse -> parse up to one request -> have it answered
 * -> keep what is left of the input. Whatever answers says what became of it (enum handler_result),
 * and go_on does what follows from that.
 *
 * Length: one state machine, whose steps call each other.
 */
#include "net/exchange.h"

#include <errno.h>

#include "net/admission.h"
#include "net/answer.h"
#include "net/caps.h"
#include "net/client.h"
#include "net/hosting.h"
#include "net/note.h"
#include "net/peer.h"
#include "net/refusal.h"

static const struct connection_operations operations;

/* --- life ---------------------------------------------------------------------------------- */

static struct connection *on_new(struct service *service, const struct listener *listener, int fd)
{
    struct client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    connection_init(&client->connection, &service->loop, &operations, fd);
    client->listener = listener;
    client->announced = !listener->proxied;
    return &client->connection;
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

static size_t on_memory(const struct connection *connection)
{
    return client_memory((const struct client *)connection);
}

static void on_start(struct connection *connection)
{
    struct http_limits limits = limits_now((struct client *)connection);
    http_parser_init(&((struct client *)connection)->parser, &limits);
    connection_deadline(connection, DEADLINE_FIRST);
    connection_want(connection, EPOLLIN);
}

static void on_start_late(struct connection *connection)
{
    ((struct client *)connection)->late = true;
    ((struct client *)connection)->close_after = true;
    on_start(connection);
}

static void on_closed(struct connection *connection)
{
    client_unwait((struct client *)connection);
    service_leave(service_of(connection));
}

static void on_free(struct connection *connection)
{
    client_free((struct client *)connection);
}

const struct connection_kind exchange_kind = {
    .new = on_new,
    .start = on_start,
    .start_late = on_start_late,
    .refusal = refusal_at_once,
};

/* Strangers cannot take its places: they are behind all others'. */
const struct connection_kind exchange_admin_kind = {
    .new = on_new,
    .start = on_start,
    .refusal = refusal_at_once,
    .reserved = CONNECTIONS_RESERVED,
};

/* --- after an answer ----------------------------------------------------------------------- */

static void next_request(struct client *client)
{
    struct connection *connection = &client->connection;
    client_forget(client);
    client->parser.limits = limits_now(client);
    http_parser_start(&client->parser);
    client->head_done = false;
    client->request_done = false;
    client->json_errors = false;
    client->checks_done = 0;
    connection_deadline(connection, DEADLINE_IDLE);
    if (client->at < client->len) {
        connection_ready(connection);
        return;
    }
    client_drop(client); /* the head, if it was kept for a later answer */
    connection_want(connection, EPOLLIN);
}

/* The answer was written or queued: the next request, or the end. */
static void answered(struct client *client)
{
    struct connection *connection = &client->connection;
    if (client->close_after || connection->deaf) {
        client_drop(client);
        connection_finish(connection);
    } else if (connection_has_output(connection)) {
        client->answering = true;
        connection_deadline(connection, DEADLINE_ANSWER);
        connection_want(connection, EPOLLOUT);
    } else {
        next_request(client);
    }
}

static void go_in(struct client *client);
static void pass(struct client *client);

/* What follows from what a handler did, or what was waited for. */
static void go_on(struct client *client, enum handler_result result)
{
    struct connection *connection = &client->connection;
    if (connection->closed)
        return;
    switch (result) {
    case ANSWERED:
        client_unwait(client);
        answered(client);
        return;
    case HANDED_OFF:
        connection_release(connection);
        return;
    case WAITING:
        connection_deadline(connection, client->pending->operations->deadline);
        connection_want(connection, client->pending->watches ? EPOLLRDHUP : 0);
        return;
    case ADMIT:
        client_unwait(client);
        go_in(client);
        return;
    case PASSED:
        client_unwait(client);
        pass(client);
        return;
    }
}

/* An answer after which the connection ends, for the rest of the request is not read. */
static void refuse(struct client *client, int status, const char *sentence)
{
    client->close_after = true;
    client->request_done = true;
    go_on(client, answer_error(client, status, sentence));
}

/* Likewise of what may be had later. */
static void turn_away(struct client *client, const char *reason, const char *sentence)
{
    client->request_done = true;
    go_on(client, refusal_answer(client, &(struct refusal){503, reason, sentence}));
}

/* There was no room for the request: what client_read, client_expect or client_keep said. */
static void refuse_large(struct client *client, int r)
{
    if (r == HUB_NO_MEMORY)
        net_count(&client->connection.loop->stats.requests_refused_memory);
    turn_away(client, "memory",
              r == HUB_NO_MEMORY ? CLIENT_NO_MEMORY : "the server is out of memory");
}

/* --- requests ------------------------------------------------------------------------------ */

static enum handler_result answer_options(struct client *client, const char *allow)
{
    bool preflight = client->parser.request.access_control_request_method.len > 0;
    return answer_send(client,
                       &(struct answer){.status = 204, .allow = allow, .preflight = preflight});
}

/* Whether this request's handler acts as soon as the head is complete. */
static bool acts_on_head(const struct client *client)
{
    const struct route *route = client->route;
    return route->kind == ROUTE_FOUND && route->row->handler->on_head &&
           client->parser.request.method == METHOD_GET;
}

/* All of the request is here that is looked at. */
static enum handler_result handle(struct client *client)
{
    const struct route *route = client->route;
    if (acts_on_head(client))
        return route->row->handler->on_head(client);
    switch (route->kind) {
    case ROUTE_FOUND:
        return route->row->handler->on_request(client);
    case ROUTE_OPTIONS:
        return answer_options(client, route->allow);
    case ROUTE_REFUSED:
        break;
    }
    const char *methods = hosting_preflight(client);
    return methods ? answer_options(client, methods)
                   : answer_error(client, route->status, route->sentence);
}

/* And nobody has a say in it but the host. */
static void serve(struct client *client)
{
    bool asks = service_of(&client->connection)->server->hook && hosting_kind(client);
    enum handler_result result = asks ? hosting_ask(client) : PASSED;
    if (result == PASSED && !client->connection.closed)
        result = handle(client);
    go_on(client, result);
}

/* Whether there is a place for what it asks; else it was answered. A place beyond connections_max
 * is not for a body, which comes as slowly as its sender likes. */
static bool has_place(struct client *client)
{
    const struct route *route = client->route;
    bool always = route->kind == ROUTE_FOUND && route->row->always;
    if (!client->late || (always && !client->parser.request.has_body))
        return true;
    net_count(&client->connection.loop->stats.connections_refused_limit);
    turn_away(client, "full", SERVICE_FULL);
    return false;
}

/* A body comes. False: it was refused. */
static bool expect_body(struct client *client)
{
    const struct http_request *request = &client->parser.request;
    connection_deadline(&client->connection, DEADLINE_BODY);
    bool expects = request->expect_continue && client->at == client->len;
    int r = 0;
    if (client->at + request->content_length > client->len)
        r = client_expect(client, request->content_length);
    if (r)
        refuse_large(client, r);
    else if (expects)
        answer_continue(client);
    return r == 0;
}

/* The head is here, and its request is asked in. False: it was answered, acted on, or waits, and
 * nothing more is read for now. */
static bool enter(struct client *client)
{
    bool has_body = client->parser.request.has_body;
    switch (admission_ask(client)) {
    case ADMITTED:
        break;
    case REFUSED:
        go_on(client, ANSWERED);
        return false;
    case UNDECIDED:
        go_on(client, WAITING);
        return false;
    }
    if (acts_on_head(client)) {
        client->request_done = true;
        client->close_after |= has_body;
        serve(client);
        return false;
    }
    if (has_body && client->route->kind == ROUTE_REFUSED && !hosting_owns(client)) {
        refuse(client, client->route->status, client->route->sentence);
        return false;
    }
    return !has_body || expect_body(client);
}

/* The head is here. False: as above. */
static bool on_head(struct client *client)
{
    client->head_done = true;
    net_count(&client->connection.loop->stats.requests);
    client_match(client);
    return has_place(client) && enter(client);
}

/* The whole request is here, now or since an earlier round. A round decodes so many bytes of
 * bodies, or a crowd of them would hold up everybody else; but the last round of all takes what
 * there is. */
static void act(struct client *client)
{
    struct connection *connection = &client->connection;
    size_t bytes = client->parser.request.body.len;
    client->complete =
        bytes > 0 && !service_of(connection)->stopping && !loop_may_decode(connection->loop, bytes);
    if (client->complete) {
        net_count(&connection->loop->stats.requests_put_off);
        connection_deadline(connection, DEADLINE_NONE);
        connection_ready(connection);
        return;
    }
    client->request_done = true;
    serve(client);
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
            act(client);
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

/* What is left of the input leaves the rooms that everybody shares. */
static void end_turn(struct client *client)
{
    struct connection *connection = &client->connection;
    int r = connection->closed || connection->finishing ? 0 : client_keep(client);
    if (r && !client->request_done)
        refuse_large(client, r);
    else if (r)
        connection_close(connection);
    if (connection->closed || connection->finishing)
        client_drop(client);
}

/* What stands in front of the first request. False: there is nothing else to do yet, or at all. */
static bool read_announcement(struct client *client)
{
    int status;
    const char *sentence;
    if (client->announced)
        return true;
    if (client->len == 0) /* and nothing to be refused for */
        return client->connection.ended;
    switch (peer_read_header(client, &status, &sentence)) {
    case PEER_ANNOUNCED:
        if (!client->peer_known || caps_may_connect(service_of(&client->connection), &client->peer))
            return true;
        note_refused(client, caps_too_fast.reason);
        status = caps_too_fast.status;
        sentence = caps_too_fast.sentence;
        break;
    case PEER_MORE:
        return false;
    case PEER_REFUSED:
        note_refused(client, "proxy");
        break;
    }
    refuse(client, status, sentence);
    return false;
}

static void turn(struct client *client)
{
    struct connection *connection = &client->connection;
    bool wants = !client->announced || (client->at == client->len && !client->complete);
    int r = wants ? client_read(client) : 0;
    if (r) {
        refuse_large(client, r);
        return;
    }
    if (!read_announcement(client))
        ;
    else if (client->complete)
        act(client);
    else if (client->at < client->len)
        parse(client);
    else if (connection->ended)
        on_end(client);
    end_turn(client);
}

/* The check that the request waited at knows now: it is asked again, then come the others. */
static void go_in(struct client *client)
{
    connection_deadline(&client->connection, DEADLINE_NONE);
    connection_want(&client->connection, EPOLLIN);
    if (enter(client))
        parse(client);
    end_turn(client);
}

/* The host has left a request to its route that it was shown before. */
static void pass(struct client *client)
{
    connection_deadline(&client->connection, DEADLINE_NONE);
    connection_want(&client->connection, EPOLLIN);
    if (!client->connection.closed)
        go_on(client, handle(client));
    end_turn(client);
}

static void on_event(struct connection *connection)
{
    struct client *client = (struct client *)connection;
    if (client->pending && client->pending->watches && connection_has_left(connection))
        connection_close(connection);
    if (connection->closed || client->pending || link_is_listed(&connection->ready))
        return;
    connection_flush(connection);
    if (client->answering) {
        if (connection_has_output(connection))
            return;
        client->answering = false;
        answered(client);
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
    struct client *client = (struct client *)connection;
    enum handler_result result = client->pending->operations->retry(client, client->pending);
    if (result == WAITING)
        return false;
    go_on(client, result);
    return true;
}

static void on_answer(struct connection *connection, const struct pending_answer *answer)
{
    struct client *client = (struct client *)connection;
    const struct pending_operations *does = client->pending->operations;
    go_on(client, does->answer(client, client->pending, answer));
}

static void on_expired(struct connection *connection)
{
    struct client *client = (struct client *)connection;
    struct service *service = service_of(connection);
    switch ((enum deadline_kind)connection->deadline.kind) {
    case DEADLINE_ROOM:
    case DEADLINE_AUTHORIZE:
    case DEADLINE_DECIDE:
    case DEADLINE_QUESTION:
        go_on(client, client->pending->operations->expire(client, client->pending));
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
    bool waits = client->pending != NULL;
    if (!waits && !client->answering) {
        /* A request that has just come would be reset by the close: it is answered instead. */
        turn(client);
        if (connection->closed || connection->finishing)
            return;
    }
    if (waits && client->pending->acted) {
        go_on(client, client->pending->operations->expire(client, client->pending));
    } else if (waits) {
        client_unwait(client);
        turn_away(client, "drain", CLIENT_STOPPING);
    } else if (client->answering) {
        connection_finish(connection);
    } else if (client->head_done || http_parser_begun(&client->parser)) {
        turn_away(client, "drain", CLIENT_STOPPING);
    } else {
        connection_close(connection);
    }
}

static const struct connection_operations operations = {
    .on_event = on_event,
    .on_ready = on_ready,
    .on_room = on_room,
    .on_answer = on_answer,
    .on_expired = on_expired,
    .on_limits = on_limits,
    .on_stop = on_stop,
    .on_closed = on_closed,
    .memory = on_memory,
    .free = on_free,
};
