/* SPDX-License-Identifier: MIT */
/* Shows requests to the host, and does what it says: see hosting.h. */
#include "net/hosting.h"

#include <errno.h>

#include "net/answer.h"
#include "net/http/percent.h"
#include "net/http/route_copy.h"
#include "net/peer.h"
#include "net/refusal.h"

/* --- which ---------------------------------------------------------------------------------- */

static bool is_unknown_path(const struct client *client)
{
    const struct route *route = client->route;
    return route->kind == ROUTE_REFUSED && !route->row && route->status == 404;
}

static bool is_preflight(const struct client *client)
{
    const struct http_request *request = &client->parser.request;
    return request->method == METHOD_OPTIONS && request->access_control_request_method.len > 0;
}

enum host_kind hosting_kind(const struct client *client)
{
    const struct route *route = client->route;
    if (!service_of(&client->connection)->server->hook || client->listener->kind == LISTENER_ADMIN)
        return 0;
    if (is_unknown_path(client))
        return is_preflight(client) ? 0 : HOST_OTHER;
    if (route->kind != ROUTE_FOUND || route->row->act == ACT_LOOK)
        return 0;
    return route->row->act == ACT_SUBSCRIBE ? HOST_SUBSCRIBE : HOST_PUBLISH;
}

const char *hosting_preflight(const struct client *client)
{
    bool ours = service_of(&client->connection)->server->hook &&
                client->listener->kind != LISTENER_ADMIN && is_preflight(client) &&
                is_unknown_path(client);
    return ours ? "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" : NULL;
}

/* --- a request for it ------------------------------------------------------------------------ */

static bool is_decodable(struct client *client)
{
    char decoded[TARGET_BYTES_MAX];
    struct text path = route_path(client_text(client, client->parser.request.target));
    size_t len;
    return percent_decode(path, false, decoded, &len) == 0 && !memchr(decoded, 0, len);
}

/* Whether its client may end its side and wait: see authorize.c. */
static bool may_half_close(const struct client *client)
{
    const struct route *route = client->route;
    return route->kind != ROUTE_FOUND || route->row->act != ACT_SUBSCRIBE || route->limit ||
           route->polls || client->parser.request.has_body;
}

/* The rest of one that is acted on with its head is not read. */
static bool is_of_head(const struct client *client)
{
    return hosting_kind(client) == HOST_SUBSCRIBE && client->parser.request.method == METHOD_GET;
}

static const struct pending_operations pending_operations;

/* What it says stays where it is from here on. NULL: out of memory. */
static struct host_request *request_new(struct client *client)
{
    struct service *service = service_of(&client->connection);
    struct host_request *request = calloc(1, sizeof(*request) + service->server->hook->room);
    if (!request || client_own(client, !is_of_head(client)) ||
        pending_begin(&service->pendings, &request->pending, &pending_operations,
                      &client->connection)) {
        free(request);
        return NULL;
    }
    struct address peer = peer_of_request(client);
    address_write(&peer, request->peer);
    request->references = 2; /* the host's, and ours */
    request->hook = service->server->hook;
    request->service = service;
    request->kind = hosting_kind(client);
    request->input = client->input;
    request->head = client->parser.request;
    request->head.has_body &= !is_of_head(client);
    request->route = client->route;
    request->before = hub_next_sequence(service->hub);
    request->client = client;
    request->pending.bytes = sizeof(*request) + request->hook->room;
    request->pending.keeps_input = true;
    request->pending.acted = true; /* it knows what to say at a stop */
    request->pending.watches = !may_half_close(client);
    return request;
}

/* The client goes on, and the host may still look: what it looks at is its own now. */
static void part(struct client *client, struct host_request *request)
{
    request->kept_input = client_give_input(client);
    request->kept_route = client_give_route(client);
}

/* It ends without the host, which is told before its client is. */
static bool end_open(struct host_request *request, int r)
{
    if (!host_request_end(request, HOST_OPEN, r, 0))
        return false;
    if (request->hook->over)
        request->hook->over(request->hook->context, request);
    return true;
}

/* --- what is said --------------------------------------------------------------------------- */

static void decided(struct host_request *request, enum handler_result result)
{
    request->decided = true;
    request->decision = result;
}

static enum handler_result fail(struct client *client, int status)
{
    if (status == 503)
        return refusal_answer(
            client, &(struct refusal){503, "application",
                                      "the program that serves this path cannot answer now"});
    return answer_error(client, status,
                        "the program that serves this path gave an answer that cannot be sent");
}

/* Of a path that is the host's: as if it were a stream's. What comes of it until that has begun. */
static int set_route(struct client *client, const struct adoption *terms)
{
    const struct route_row *streams =
        service_of(&client->connection)->server->parts->routes->streams;
    if (!streams)
        return -EINVAL;
    if (!terms || terms->channel_count == 0)
        return ADOPT_NO_CHANNEL;
    struct route *route = (struct route *)client->route; /* our copy */
    route->kind = ROUTE_FOUND;
    route->row = streams;
    route->sentence = NULL;
    return -EINVAL; /* until somebody has taken it */
}

/* Where the body would say which channels, it is not read if they are given. */
static enum handler_result begin_stream(struct client *client, const struct adoption *terms)
{
    const struct handler *handler = client->route->row->handler;
    enum http_method method = client->parser.request.method;
    bool by_body = method == METHOD_POST || method == METHOD_QUERY;
    if (method == METHOD_HEAD || (by_body && !(terms && terms->channel_count)))
        return handler->on_request(client);
    return handler->on_head(client);
}

static enum handler_result accept_stream(struct client *client, const struct host_request *request,
                                         const struct adoption *terms, struct client_terms *ret)
{
    *ret = (struct client_terms){.adoption = terms, .result = -EINVAL};
    if (request->kind == HOST_OTHER)
        ret->result = set_route(client, terms);
    if (request->kind == HOST_PUBLISH || client->route->kind != ROUTE_FOUND)
        return fail(client, 500);
    client->terms = ret;
    client->before = request->before;
    enum handler_result result = begin_stream(client, terms);
    client->terms = NULL;
    if (result == ANSWERED && client->parser.request.method == METHOD_HEAD)
        ret->result = HOST_HEAD;
    return result;
}

static enum handler_result reply(struct client *client, const struct host_reply *reply)
{
    bool empty = reply->status == 204 || reply->status == 304;
    return answer_send(client, &(struct answer){.status = reply->status,
                                                .content_type = reply->content_type,
                                                .body = empty ? TEXT("") : reply->body,
                                                .fields = reply->fields});
}

/* Of one that is claimed: it is over then. */
static enum handler_result carry_out(struct client *client, struct host_request *request,
                                     const struct host_answer *answer)
{
    struct client_terms terms = {.result = 0};
    enum handler_result result = ANSWERED;
    switch (answer->verb) {
    case HOST_REPLY:
        result = reply(client, &answer->reply);
        break;
    case HOST_FAIL:
        result = fail(client, answer->reply.status);
        break;
    case HOST_PASS:
        client->before = request->is_held ? request->before : 0;
        result = PASSED;
        break;
    case HOST_ACCEPT:
        result = accept_stream(client, request, answer->terms, &terms);
        break;
    }
    CHECK(host_request_end(request, HOST_CLAIMED, terms.result, terms.subscriber));
    return result;
}

/* --- in the hook ---------------------------------------------------------------------------- */

static void act(struct host_request *request, const struct host_answer *answer)
{
    decided(request, carry_out(request->client, request, answer));
}

/* It is over, and was not waited for: both references are ours. */
static void end(struct service *service, struct host_request *request)
{
    pending_end(&service->pendings, &request->pending);
    host_request_unref(request);
    host_request_unref(request);
}

static enum handler_result hold(struct client *client, struct host_request *request)
{
    struct net_stats *stats = &client->connection.loop->stats;
    request->is_held = true;
    net_count(&stats->host_requests_held);
    client->pending = &request->pending;
    return WAITING;
}

enum handler_result hosting_ask(struct client *client)
{
    struct service *service = service_of(&client->connection);
    if (hosting_owns(client) && !is_decodable(client))
        return answer_error(client, 400, "the path of the target cannot be decoded");
    struct host_request *request = request_new(client);
    if (!request)
        return answer_error(client, 503, "the server is out of memory");
    net_count(&service->loop.stats.host_requests);
    bool taken = host_call(request, act) != 0;
    if (request->decided) {
        enum handler_result result = request->decision;
        end(service, request);
        return result;
    }
    if (!taken && host_request_end(request, HOST_OPEN, -EINVAL, 0)) {
        end(service, request);
        return PASSED;
    }
    return hold(client, request);
}

/* --- held ----------------------------------------------------------------------------------- */

static struct host_request *request_of(struct pending *pending)
{
    return (struct host_request *)(void *)pending;
}

static enum handler_result on_answer(struct client *client, struct pending *pending,
                                     const struct pending_answer *posted)
{
    (void)posted;
    return carry_out(client, request_of(pending), &request_of(pending)->said);
}

/* One whose answer is on its way waits for that. */
static enum handler_result on_expire(struct client *client, struct pending *pending)
{
    struct host_request *request = request_of(pending);
    bool stops = request->service->stopping;
    if (!end_open(request, stops ? -ESHUTDOWN : -ETIMEDOUT))
        return WAITING;
    if (!stops)
        net_count(&client->connection.loop->stats.host_requests_late);
    enum handler_result result =
        refusal_answer(client, stops ? &(struct refusal){503, "drain", CLIENT_STOPPING}
                                     : &(struct refusal){503, "application",
                                                         "the program that serves this path did "
                                                         "not answer in time"});
    part(client, request);
    return result;
}

static void on_free(struct client *client, struct pending *pending)
{
    struct host_request *request = request_of(pending);
    struct net_stats *stats = &client->connection.loop->stats;
    if (request->is_held)
        net_uncount(&stats->host_requests_held);
    /* Of a client that has left, or was cut. */
    int r = request->service->stopping ? -ESHUTDOWN : -EPIPE;
    bool was_open = end_open(request, r);
    if (was_open || host_request_end(request, HOST_CLAIMED, r, 0))
        net_count(&stats->host_requests_gone);
    if (was_open)
        part(client, request);
    request->client = NULL;
    host_request_unref(request);
}

static const struct pending_operations pending_operations = {
    .expire = on_expire,
    .answer = on_answer,
    .free = on_free,
    .deadline = DEADLINE_DECIDE,
};
