/* SPDX-License-Identifier: MIT */
/* Requests of the administration, and the statuses of their answers: see admin.h. */
#include "net/handlers/admin.h"

#include <errno.h>

#include "engine/subscriber_id.h"
#include "net/answer.h"
#include "net/handlers/admin_command.h"
#include "net/handlers/admin_json.h"
#include "net/handlers/publish_body.h"
#include "net/question.h"

#define NO_CHANNEL    "there is no such channel"
#define NO_SUBSCRIBER "there is no such subscriber"

/* Text from malloc; NULL: there was no memory for it. */
static enum handler_result answer_json(struct client *client, char *text)
{
    if (!text)
        return answer_error(client, 503, "the server is out of memory");
    answer_send(
        client,
        &(struct answer){.status = 200, .content_type = "application/json", .body = text_of(text)});
    free(text);
    return ANSWERED;
}

static const struct ids *ids_of(const struct client *client)
{
    return hub_ids(service_of(&client->connection)->hub);
}

/* A page of a list may have so many entries. */
static bool has_limit(const struct route *route)
{
    return route->limit <= CONTROL_LIMIT_MAX;
}

static enum handler_result refuse_limit(struct client *client)
{
    static_assert(CONTROL_LIMIT_MAX == 1000, "the sentence says it");
    return answer_error(client, 400, "limit is not a number from 1 to 1000");
}

/* --- channels ------------------------------------------------------------------------------ */

static enum handler_result tell_channels(struct client *client, struct control *control)
{
    return answer_json(client, admin_json_channels(ids_of(client), control));
}

static enum handler_result tell_channel(struct client *client, struct control *control)
{
    if (control->result == CONTROL_NONE)
        return answer_error(client, 404, NO_CHANNEL);
    return answer_json(client, admin_json_channel(ids_of(client), control));
}

static enum handler_result list_channels(struct client *client)
{
    const struct route *route = client->route;
    enum frame_fault fault = route->after.len ? frame_check_channel(route->after) : FRAME_OK;
    if (!has_limit(route))
        return refuse_limit(client);
    if (fault != FRAME_OK)
        return answer_error(client, 400, frame_fault_text(fault));
    return question_ask(client,
                        &(struct control_request){
                            .kind = CONTROL_CHANNELS, .after = route->after, .limit = route->limit},
                        tell_channels);
}

static enum handler_result close_channel(struct client *client, struct control *control)
{
    if (control->result == CONTROL_NONE)
        return answer_error(client, 404, NO_CHANNEL);
    return admin_command_close(client, control->request.channel);
}

static enum handler_result on_channels(struct client *client)
{
    const struct route *route = client->route;
    bool closes = client->parser.request.method == METHOD_DELETE;
    if (route->channel_count == 0 && closes)
        return answer_error(client, 400, "name the channel: DELETE /channels/NAME");
    if (route->channel_count == 0)
        return list_channels(client);
    return question_ask(
        client, &(struct control_request){.kind = CONTROL_CHANNEL, .channel = route->channels[0]},
        closes ? close_channel : tell_channel);
}

/* --- subscribers --------------------------------------------------------------------------- */

static enum handler_result tell_subscribers(struct client *client, struct control *control)
{
    return answer_json(client, admin_json_subscribers(control));
}

static enum handler_result tell_subscriber(struct client *client, struct control *control)
{
    if (control->result == CONTROL_NONE)
        return answer_error(client, 404, NO_SUBSCRIBER);
    return answer_json(client, admin_json_subscriber(control));
}

static enum handler_result list_subscribers(struct client *client)
{
    const struct route *route = client->route;
    uint64_t after = 0;
    if (!has_limit(route))
        return refuse_limit(client);
    if (route->after.at && !subscriber_id_parse(route->after, &after))
        return answer_error(client, 400, "after is not a subscriber's id");
    return question_ask(
        client,
        &(struct control_request){.kind = CONTROL_SUBSCRIBERS,
                                  .channel = route->channel_count ? route->channels[0] : TEXT(""),
                                  .subscriber = after,
                                  .limit = route->limit},
        tell_subscribers);
}

/* Of a wish. */
static enum handler_result tell_done(struct client *client, struct control *control)
{
    if (control->result == CONTROL_NONE)
        return answer_error(client, 404, NO_SUBSCRIBER);
    if (control->result == CONTROL_FULL)
        return answer_error(client, 503,
                            "as many events as may wait for this subscriber's socket, try again");
    return answer_send(client, &(struct answer){.status = 204});
}

/* The body as a publish has it. */
static enum handler_result send_event(struct client *client, uint64_t id)
{
    struct service *service = service_of(&client->connection);
    const struct http_request *request = &client->parser.request;
    struct publish_body body = {.content_type = client_text(client, request->content_type),
                                .content_encoding = client_text(client, request->content_encoding),
                                .bytes = client_text(client, request->body),
                                .type = client->route->event,
                                .retry_ms = client->route->retry_ms,
                                .key = client_text(client, request->idempotency_key),
                                .is_private = true};
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 0;
    int r = publish_body_decode(service->hub, &body, service->frames, &count, error);
    if (r)
        return answer_error(client, r < 0 ? 503 : r, r < 0 ? "the server is out of memory" : error);
    CHECK(count == 1);
    return question_ask(client,
                        &(struct control_request){
                            .kind = CONTROL_SEND, .subscriber = id, .frame = service->frames[0]},
                        tell_done);
}

static enum handler_result on_subscribers(struct client *client)
{
    const struct route *route = client->route;
    enum http_method method = client->parser.request.method;
    uint64_t id;
    if (!route->subscriber.at && (method == METHOD_POST || method == METHOD_DELETE))
        return answer_error(client, 400, "name the subscriber: /subscribers/ID");
    if (!route->subscriber.at)
        return list_subscribers(client);
    if (!subscriber_id_parse(route->subscriber, &id))
        return answer_error(client, 404, NO_SUBSCRIBER);
    if (method == METHOD_POST)
        return send_event(client, id);
    if (method == METHOD_DELETE)
        return question_ask(
            client, &(struct control_request){.kind = CONTROL_END, .subscriber = id}, tell_done);
    return question_ask(client,
                        &(struct control_request){.kind = CONTROL_SUBSCRIBER, .subscriber = id},
                        tell_subscriber);
}

static enum handler_result tell_explanation(struct client *client, struct control *control)
{
    if (control->result == CONTROL_NONE)
        return answer_error(client, 404, "there is no such subscriber, nor is one remembered");
    return answer_json(client, admin_json_explanation(ids_of(client), &control->explanation));
}

static enum handler_result on_explain(struct client *client)
{
    const struct route *route = client->route;
    uint64_t id;
    if (!route->subscriber.at || !route->event.at)
        return answer_error(client, 400, "name both: /explain?subscriber=ID&event=ID");
    if (route->event.len == 0 || route->event.len > EVENT_ID_BYTES_MAX)
        return answer_error(client, 400, "event is not the id of an event");
    if (!subscriber_id_parse(route->subscriber, &id))
        return answer_error(client, 404, "there is no such subscriber, nor is one remembered");
    return question_ask(
        client,
        &(struct control_request){.kind = CONTROL_EXPLAIN, .subscriber = id, .event = route->event},
        tell_explanation);
}

const struct handler admin_subscribers = {.on_request = on_subscribers};
const struct handler admin_explain = {.on_request = on_explain};
const struct handler admin_channels = {.on_request = on_channels};
const struct handler admin_kick = {.on_request = admin_command_kick};
