/* SPDX-License-Identifier: MIT */
/* What a client holds of its request between two turns: see client.h. */
#include "net/client.h"

#include <errno.h>

#include "net/http/route_copy.h"

#define INPUT_BYTES_MIN 4096 /* room for one more read; picked by hand */

size_t client_memory(const struct client *client)
{
    return sizeof(*client) + (client->own_input ? client->capacity : 0) +
           (client->own_route ? route_bytes(client->route) : 0) +
           (client->pending ? client->pending->bytes : 0) +
           (client->grant ? grant_memory(client->grant) : 0) + client->connection.output_capacity;
}

void client_free(struct client *client)
{
    client_drop(client);
    client_forget(client);
    connection_deinit(&client->connection);
    free(client);
}

/* --- the request --------------------------------------------------------------------------- */

/* What is served here. No list of names that somebody has written reaches what is the
 * administration's, or hides it there. */
static struct route_rules rules_of(const struct client *client)
{
    const struct server_limits *limits = &service_of(&client->connection)->limits;
    struct route_rules rules = limits->routes;
    if (client->listener->kind == LISTENER_ADMIN)
        return (struct route_rules){.names = ROUTE_NAMES_OF_ADMIN,
                                    .query_channels = true,
                                    .channels_max = rules.channels_max};
    if (client->listener->routes)
        rules.names = client->listener->routes;
    if (limits->options.admin)
        rules.names &= ~ROUTE_NAMES_WATCHING;
    return rules;
}

void client_match(struct client *client)
{
    struct service *service = service_of(&client->connection);
    const struct http_request *request = &client->parser.request;
    struct route_rules rules = rules_of(client);
    route_match(service->server->parts->routes, &rules, request->method,
                client_text(client, request->target), &service->route);
    client->route = &service->route;
    client->json_errors = service->route.json_errors || client->listener->kind == LISTENER_ADMIN;
}

void client_forget(struct client *client)
{
    if (client->own_route)
        free((struct route *)client->route);
    client->route = NULL;
    client->own_route = false;
    client->grant = grant_unref(client->grant);
    client->hook_answer = hook_answer_unref(client->hook_answer);
    client->authorization = AUTHORIZATION_NONE;
    client->forwarding_broken = false;
    client->before = 0;
}

int client_set_channels(struct client *client, const struct text *channels, unsigned count)
{
    struct route *route = route_copy_with(client->route, channels, count);
    if (!route)
        return -ENOMEM;
    if (client->own_route)
        free((struct route *)client->route);
    client->route = route;
    client->own_route = true;
    return 0;
}

void client_unwait(struct client *client)
{
    struct pending *pending = TAKE(client->pending);
    if (!pending)
        return;
    pending_end(&service_of(&client->connection)->pendings, pending);
    pending->operations->free(client, pending);
}

static int own_route(struct client *client)
{
    struct route *copy = client->own_route ? NULL : route_copy(client->route);
    if (copy)
        client->route = copy;
    client->own_route |= copy != NULL;
    return client->own_route ? 0 : -ENOMEM;
}

/* The service's scratch room is the next one's. Of a request that is over nothing is kept. */
static int keep_route(struct client *client)
{
    if (!client->route || client->own_route)
        return 0;
    int r = client->request_done ? 0 : own_route(client);
    if (!client->own_route)
        client->route = NULL;
    return r;
}

/* --- its input ----------------------------------------------------------------------------- */

void client_drop(struct client *client)
{
    if (client->own_input)
        free(client->input);
    client->input = NULL;
    client->own_input = false;
    client->at = client->len = client->capacity = 0;
}

/* Grows our own buffer to at least `capacity`, taking over what lies in the acceptor's. */
static bool own_input(struct client *client, size_t capacity)
{
    if (client->own_input && capacity <= client->capacity)
        return true;
    char *grown = realloc(client->own_input ? client->input : NULL, capacity);
    if (!grown)
        return false;
    if (!client->own_input && client->len)
        memcpy(grown, client->input, client->len);
    client->input = grown;
    client->own_input = true;
    client->capacity = capacity;
    return true;
}

static bool may_hold(const struct client *client, size_t more, bool large)
{
    return hub_connections_may_hold(service_of(&client->connection)->hub, more, large);
}

/* Connections together hold a share of memory_max at most; a large request less of it. */
static int reserve(struct client *client, size_t capacity)
{
    size_t held = client->own_input ? client->capacity : 0;
    if (capacity > held && !may_hold(client, capacity - held, capacity > INPUT_BYTES_SMALL))
        return HUB_NO_MEMORY;
    return own_input(client, capacity) ? 0 : -ENOMEM;
}

int client_expect(const struct client *client, size_t more)
{
    bool large = client->at + more > INPUT_BYTES_SMALL;
    return may_hold(client, large ? INPUT_BYTES_SMALL : more, large) ? 0 : HUB_NO_MEMORY;
}

/* Of a request that waits for its answer the head stays, which the answer is made from; what has
 * come behind the request moves up to it. */
static int keep_head(struct client *client)
{
    struct http_span body = client->parser.request.body;
    size_t head = body.len > 0 ? body.at : client->at;
    if (client->own_input && head == client->at)
        return 0;
    memmove(client->input + head, client->input + client->at, client->len - client->at);
    client->len -= client->at - head;
    client->at = head;
    if (!client->own_input)
        return own_input(client, client->len + INPUT_BYTES_MIN) ? 0 : -ENOMEM;
    char *shrunk = realloc(client->input, client->len + INPUT_BYTES_MIN);
    if (shrunk) {
        client->input = shrunk;
        client->capacity = client->len + INPUT_BYTES_MIN;
    }
    return 0;
}

/* Within a request the offsets must stay as they are; between two, what was parsed is let go. */
static int keep_input(struct client *client)
{
    if (client->pending)
        return client->pending->keeps_input ? 0 : keep_head(client);
    if (!client->request_done && http_parser_begun(&client->parser))
        return reserve(client, client->len + (client->own_input ? 0 : INPUT_BYTES_MIN));
    if (client->at == client->len) {
        client_drop(client); /* of a request that has not begun no offset is kept */
        return 0;
    }
    /* Moved only when it is less than half, so that many small requests cost no more than one copy.
     */
    if (!client->own_input || client->at > client->len / 2) {
        client->len -= client->at;
        memmove(client->input, client->input + client->at, client->len);
        client->at = 0;
    }
    /* Further requests that came with this one: one read's worth at most. */
    return own_input(client, client->len + (client->own_input ? 0 : INPUT_BYTES_MIN)) ? 0 : -ENOMEM;
}

int client_keep(struct client *client)
{
    int r = keep_route(client);
    return r ? r : keep_input(client);
}

int client_read(struct client *client)
{
    struct service *service = service_of(&client->connection);
    if (!client->input) {
        client->input = service->loop.input;
        client->at = 0;
        client->len =
            connection_read(&client->connection, service->loop.input, sizeof(service->loop.input));
        return 0;
    }
    if (client->capacity - client->len < INPUT_BYTES_MIN) {
        int r = reserve(client, client->capacity * 2 + INPUT_BYTES_MIN);
        if (r)
            return r;
    }
    client->len += connection_read(&client->connection, client->input + client->len,
                                   client->capacity - client->len);
    return 0;
}

/* --- a request that others look at ---------------------------------------------------------- */

static void end_body(struct client *client)
{
    struct http_span body = client->parser.request.body;
    size_t end = body.at + body.len;
    if (end == client->at) {
        memmove(client->input + end + 1, client->input + end, client->len - end);
        client->at++;
        client->len++;
    }
    client->input[end] = '\0';
}

int client_own(struct client *client, bool whole)
{
    int r = reserve(client, client->len + 1);
    if (!r)
        r = own_route(client);
    if (!r && whole && client->parser.request.has_body)
        end_body(client);
    return r;
}

char *client_give_input(struct client *client)
{
    if (!client->own_input)
        return NULL;
    char *given = client->input;
    size_t rest = client->connection.closed ? 0 : client->len - client->at;
    client->own_input = false;
    const char *from = given + client->at;
    client_drop(client);
    client->input = rest ? malloc(rest + INPUT_BYTES_MIN) : NULL;
    if (client->input) {
        memcpy(client->input, from, rest);
        client->own_input = true;
        client->len = rest;
        client->capacity = rest + INPUT_BYTES_MIN;
    }
    client->close_after |= rest && !client->input;
    return given;
}

struct route *client_give_route(struct client *client)
{
    struct route *given = client->own_route ? (struct route *)client->route : NULL;
    client->own_route = false;
    client->route = NULL;
    return given;
}
