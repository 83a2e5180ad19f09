/* SPDX-License-Identifier: MIT */
/* Hands subscribers to the hub: see subscribe.h. */
#include "net/handlers/subscribe.h"

#include <errno.h>

#include "net/admission.h"
#include "net/adopt.h"
#include "net/answer.h"
#include "net/handlers/subscribe_body.h"
#include "net/http/bytes.h"
#include "net/peer.h"
#include "net/refusal.h"
#include "net/seats.h"
#include "net/token_check.h"

/* The hub did not take it, for this reason. */
static enum handler_result refuse(struct client *client, int r)
{
    struct net_stats *stats = &client->connection.loop->stats;
    struct refusal refusal = {503, "memory", "the server is out of memory"};
    if (client->terms)
        client->terms->result = r == HUB_NO_MEMORY ? -ENOBUFS : r > 0 ? -ENOSPC : r;
    net_count(r == HUB_NO_MEMORY  ? &stats->subscribers_refused_memory
              : r == CAPS_ADDRESS ? &stats->subscribers_refused_address
              : r == CAPS_CHANNEL ? &stats->subscribers_refused_channel
                                  : &stats->subscribers_refused);
    if (r == HUB_FULL)
        refusal = (struct refusal){503, "full", "no worker has room for a subscriber"};
    else if (r == HUB_NO_MEMORY)
        refusal.sentence = CLIENT_NO_MEMORY;
    else if (r == CAPS_ADDRESS)
        refusal = (struct refusal){429, "address", "this address has as many streams as it may"};
    else if (r == CAPS_CHANNEL)
        refusal = (struct refusal){429, "channel", "a channel has as many subscribers as it may"};
    else if (r == -ESHUTDOWN)
        refusal = (struct refusal){503, "drain", CLIENT_STOPPING};
    return refusal_answer(client, &refusal);
}

/* What of ours comes with each stream of this client's. */
static struct seats seats_of(const struct client *client)
{
    struct service *service = service_of(&client->connection);
    const struct server_limits *limits = &service->limits;
    return (struct seats){.caps = {.tally = limits->tally,
                                   .rules = limits->channels,
                                   .per_address = limits->options.subscribers_per_address},
                          .presence = limits->presence,
                          .journal = service->server->journal,
                          .usher = service->server->usher};
}

static enum handler_result refuse_together(struct client *client, struct text channel)
{
    char sentence[160], word[HTTP_WORD_ROOM];
    http_word(channel, word);
    snprintf(sentence, sizeof(sentence),
             "the channel \"%s\" is for one event, and is subscribed to alone", word);
    return answer_error(client, 400, sentence);
}

static enum handler_result taken(struct client *client, uint64_t subscriber)
{
    struct service *service = service_of(&client->connection);
    if (client->terms) {
        client->terms->result = 0;
        client->terms->subscriber = subscriber;
    }
    slots_accept(&service->slots, service->loop.now_ns);
    net_count(&service->loop.stats.handed_off);
    return HANDED_OFF;
}

/* The earlier of two ends, of which 0 is none. */
static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* In one word, of what adopt_socket said. */
static const char *reason_of(int r)
{
    return r == -ENOSPC ? "full" : r == -ESHUTDOWN ? "drain" : "memory";
}

/* As the host says, and where it says nothing as the client asked; the operator's limits hold. */
static enum handler_result subscribe_on_terms(struct client *client, const struct text *channels,
                                              unsigned channel_count)
{
    struct connection *connection = &client->connection;
    struct service *service = service_of(connection);
    const struct http_request *request = &client->parser.request;
    const struct route *route = client->route;
    struct client_terms *terms = client->terms;
    struct adoption adoption = *terms->adoption;
    struct address peer = peer_of_request(client);
    struct text given = client_text(client, request->last_event_id);
    char room[GRANTED_LINES_ROOM], error[ADOPT_ERROR_ROOM];
    if (adoption.channel_count == 0) {
        adoption.channels = channels;
        adoption.channel_count = channel_count;
    }
    if (adoption.resume.len == 0)
        adoption.resume = given.len > 0 ? given : route->resume;
    adoption.before = client->before;
    adoption.since = adoption.since ? adoption.since : client->before;
    adoption.lines =
        answer_granted_lines(client, adoption.channels, adoption.channel_count, room, sizeof(room));
    adoption.last = adoption.last ? adoption.last : route->last;
    adoption.limit = adoption.limit ? adoption.limit : route->limit;
    adoption.ends_ns = earlier(adoption.ends_ns, token_ends_ns(client));
    adoption.polls = route->polls;
    adoption.wait_ms = route->wait_ms;
    adoption.plain = request->minor == 0;
    adoption.bare |= route_is_bare(route, service->limits.options.preface);
    adoption.refuse_503 |= !refusal_puts_off(client);
    adoption.peer = &peer;
    adoption.listener = client->listener;
    connection_want(connection, 0);
    if (connection->closed)
        return ANSWERED;
    terms->result =
        adopt_socket(service->server, connection->fd, &adoption, &terms->subscriber, error);
    if (terms->result == 0)
        return taken(client, terms->subscriber);
    if (adopt_status(terms->result) == 503)
        return refusal_answer(client, &(struct refusal){503, reason_of(terms->result), error});
    return answer_error(client, 500,
                        "the program that serves this path gave an answer that cannot be "
                        "sent");
}

/* For these channels, and with what else the route says by now. */
static enum handler_result subscribe(struct client *client, const struct text *channels,
                                     unsigned channel_count)
{
    struct connection *connection = &client->connection;
    struct service *service = service_of(connection);
    const struct http_request *request = &client->parser.request;
    const struct route *route = client->route;
    struct client_terms *terms = client->terms;
    if (terms && terms->adoption)
        return subscribe_on_terms(client, channels, channel_count);
    uint64_t before = client->before ? client->before : hub_next_sequence(service->hub);
    if (!service_may_subscribe(service)) {
        net_count(&service->loop.stats.subscribers_refused);
        if (terms)
            terms->result = -ENOSPC;
        return refusal_answer(
            client, &(struct refusal){503, "full", "the server has as many subscribers as it may"});
    }
    unsigned which;
    if (!caps_stand_alone(service->limits.channels, channels, channel_count, &which))
        return refuse_together(client, channels[which]);
    char room[GRANTED_LINES_ROOM];
    struct seats seats = seats_of(client);
    struct address peer = {.family = ADDRESS_NONE};
    bool looked_at = service->limits.options.admin != NULL;
    if (looked_at || seats_want_peer(&seats))
        peer = peer_of_request(client);
    /* The header is the newer of the two: a browser keeps the URL and sends what it saw last. */
    struct text given = client_text(client, request->last_event_id);
    struct text resume = given.len > 0 ? given : route->resume;
    /* Whatever is retained: as many of the newest as there can be. */
    bool earliest = text_equals(resume, TEXT("earliest"));
    struct subscribe_request subscribe = {
        .fd = connection->fd,
        .before = before,
        .channels = channels,
        .channel_count = channel_count,
        .has_resume = resume.len > 0 && !earliest,
        .resume = resume,
        .since = client->before,
        .limit = route->limit,
        .last = earliest ? UINT32_MAX : route->last,
        .polls = route->polls,
        .wait_ms = route->wait_ms,
        .plain = request->minor == 0,
        .bare = route_is_bare(route, service->limits.options.preface),
        .puts_off = refusal_puts_off(client),
        .tells_id = looked_at,
        .peer = {(const char *)&peer, looked_at ? sizeof(peer) : 0},
        .group = (uint8_t)(client->listener - service->server->listeners),
        .ends_ns = token_ends_ns(client),
        .charset = service->limits.options.charset,
        .head = answer_granted_lines(client, channels, channel_count, room, sizeof(room)),
    };
    struct journal_seat *noted;
    uint64_t subscriber = 0;
    int r = seats_take(&seats, &peer, channels, channel_count, subscribe.puts_off ? 200 : 503,
                       &subscribe.seat, &noted);
    if (r)
        return refuse(client, r);
    connection_want(connection, 0);
    if (!connection->closed)
        r = hub_subscribe(service->hub, &subscribe, &subscriber);
    if (r || connection->closed)
        seats_give_up(subscribe.seat, noted);
    if (connection->closed)
        return ANSWERED;
    if (r)
        return refuse(client, r);
    return taken(client, subscriber);
}

static enum handler_result on_head(struct client *client)
{
    return subscribe(client, client->route->channels, client->route->channel_count);
}

/* The body's channels are asked for as the URL's are, and then those are added to them. */
static enum handler_result subscribe_to_all(struct client *client, struct subscribe_body *body)
{
    const struct route *route = client->route;
    struct service *service = service_of(&client->connection);
    char error[JSON_ERROR_BYTES];
    if (body->channel_count > 0 && !service->limits.routes.query_channels)
        return answer_error(client, 400, "the body names a channel, which only the path may here");
    struct text usual = service->limits.routes.default_channel;
    if (body->channel_count == 0 && route->channel_count == 0 && usual.len > 0 &&
        subscribe_body_add(body, usual, error))
        return answer_error(client, 400, error);
    if (!admission_lets_read(client, body->channels, body->channel_count))
        return ANSWERED;
    for (unsigned i = 0; i < route->channel_count; i++)
        if (subscribe_body_add(body, route->channels[i], error))
            return answer_error(client, 400, error);
    if (body->channel_count == 0)
        return answer_error(client, 400, "no channel is given to subscribe to");
    return subscribe(client, body->channels, body->channel_count);
}

/* A POST or a QUERY: what its body says is added to the route, which is ours, for this request. */
static enum handler_result on_body(struct client *client)
{
    const struct http_request *request = &client->parser.request;
    struct route *route = (struct route *)client->route;
    struct subscribe_text text = {
        .content_type = client_text(client, request->content_type),
        .content_encoding = client_text(client, request->content_encoding),
        .bytes = client_text(client, request->body),
    };
    struct subscribe_body body;
    char error[JSON_ERROR_BYTES];
    enum handler_result result;
    int r = subscribe_body_read(&body, &text, route, error);
    if (r < 0)
        result = refuse(client, r);
    else if (r > 0)
        result = answer_error(client, r, error);
    else
        result = subscribe_to_all(client, &body);
    subscribe_body_deinit(&body);
    return result;
}

static enum handler_result on_request(struct client *client)
{
    if (client->parser.request.method != METHOD_HEAD)
        return on_body(client);
    return answer_send(
        client,
        &(struct answer){.status = 200,
                         .content_type = service_of(&client->connection)->limits.options.charset
                                             ? "text/event-stream; charset=utf-8"
                                             : "text/event-stream",
                         .no_length = true});
}

const struct handler subscribe_handler = {.on_head = on_head, .on_request = on_request};
