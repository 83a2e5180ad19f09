/* SPDX-License-Identifier: MIT */
/* Publishes what an HTTP request carries, and answers with its ids: see client_publish.h. */
#include "net/handlers/publish.h"

#include <errno.h>
#include <jansson.h>

#include "net/answer.h"
#include "net/handlers/publish_body.h"

void client_unwait(struct client *client)
{
    waiters_remove(&service_of(&client->connection)->waiters, &client->waiter);
    for (unsigned i = 0; i < client->frame_count; i++)
        frame_unref(client->frames[i]);
    client->frame_count = 0;
    client->frame_bytes = 0;
    free(TAKE(client->frames));
}

/* The publishers' own ids, by index, with null for the others; NULL if there is none. Read before
 * the frames are the hub's: it may free them at once. */
static json_t *given_ids(struct frame *const *frames, unsigned count)
{
    unsigned given = 0;
    for (unsigned i = 0; i < count; i++)
        given += frames[i]->id_given;
    json_t *ids = given ? json_array() : NULL;
    for (unsigned i = 0; i < count && ids; i++) {
        struct text id = frame_id(frames[i]);
        json_array_append_new(ids, frames[i]->id_given ? json_stringn(id.at, id.len) : json_null());
    }
    return ids;
}

/* {"ids": [...]} of published frames; `given` is what given_ids said of them. */
static char *format_ids(uint64_t epoch, const json_t *given, unsigned count, uint64_t first)
{
    json_t *ids = json_array();
    int r = ids ? 0 : -1;
    for (unsigned i = 0; i < count && !r; i++) {
        char ours[ID_LEN];
        json_t *id = json_array_get(given, i); /* NULL of a NULL array */
        id_format(ours, epoch, first + i);
        if (json_is_string(id))
            r = json_array_append(ids, id);
        else
            r = json_array_append_new(ids, json_stringn(ours, ID_LEN));
    }
    json_t *object = r ? NULL : json_pack("{s:O}", "ids", ids);
    char *text = object ? json_dumps(object, 0) : NULL;
    json_decref(object);
    json_decref(ids);
    return text;
}

static void answer_published(struct client *client, const json_t *given, unsigned count,
                             uint64_t first)
{
    if (client->is_send) {
        answer_send(client, &(struct answer){.status = 200,
                                             .content_type = "application/json",
                                             .body = TEXT("{\"status\":\"sent\"}")});
        client_answered(client);
        return;
    }
    char *text = format_ids(hub_epoch(service_of(&client->connection)->hub), given, count, first);
    /* The events are out: 200 even if there is no memory to say their ids. */
    answer_send(client, &(struct answer){.status = 200,
                                         .content_type = "application/json",
                                         .body = text ? text_of(text) : TEXT("{\"ids\": []}")});
    free(text);
    client_answered(client);
}

/* One attempt. HUB_BUSY: nothing has happened, the frames are still the caller's. Else it is over.
 */
static int publish_once(struct client *client, struct frame *const *frames, unsigned count)
{
    json_t *given = given_ids(frames, count);
    uint64_t first = 0;
    int r = hub_publish(service_of(&client->connection)->hub, frames, count, &first);
    if (r == 0) {
        answer_published(client, given, count, first);
    } else if (r != HUB_BUSY) {
        for (unsigned i = 0; i < count; i++)
            frame_unref(frames[i]);
        client->close_after = true;
        answer_error(client, 503, r == -ESHUTDOWN ? CLIENT_STOPPING : "publishing failed", NULL,
                     client->is_send);
        client_answered(client);
    }
    json_decref(given);
    return r;
}

static void wait_for_room(struct client *client, struct frame *const *frames, unsigned count)
{
    struct connection *connection = &client->connection;
    struct service *service = service_of(connection);
    struct frame **kept = calloc(count, sizeof(struct frame *));
    if (!kept) {
        for (unsigned i = 0; i < count; i++)
            frame_unref(frames[i]);
        answer_error(client, 503, "the server is out of memory", NULL, client->is_send);
        client_answered(client);
        return;
    }
    memcpy(kept, frames, count * sizeof(struct frame *));
    client->frames = kept;
    client->frame_count = count;
    client->frame_bytes = count * sizeof(struct frame *);
    for (unsigned i = 0; i < count; i++)
        client->frame_bytes += frame_memory(kept[i]);
    bool held = waiters_hold(&service->waiters, kept, count);
    waiters_add(&service->waiters, &client->waiter, connection, kept, count);
    connection_deadline(connection, DEADLINE_ROOM);
    connection_want(connection, 0);
    if (held || connection->closed)
        return;
    /* Once more after arming: room that appeared since the refusal would not be told. */
    waiters_arm(&service->waiters);
    (void)client_retry(client);
}

bool client_retry(struct client *client)
{
    struct service *service = service_of(&client->connection);
    struct frame **frames = client->frames;
    unsigned count = client->frame_count;
    /* Not ours any more if it is published; the answer may end the connection. */
    client->frames = NULL;
    client->frame_count = 0;
    if (publish_once(client, frames, count) == HUB_BUSY) {
        client->frames = frames;
        client->frame_count = count;
        return false;
    }
    client->frame_bytes = 0;
    waiters_remove(&service->waiters, &client->waiter);
    free(frames);
    return true;
}

static void publish(struct client *client, struct frame *const *frames, unsigned count)
{
    struct service *service = service_of(&client->connection);
    if (waiters_hold(&service->waiters, frames, count) ||
        publish_once(client, frames, count) == HUB_BUSY)
        wait_for_room(client, frames, count);
}

void client_publish(struct client *client, const struct route *route)
{
    struct service *service = service_of(&client->connection);
    const struct http_request *request = &client->parser.request;
    struct publish_body body = {.content_type = http_text(client->input, request->content_type),
                                .bytes = http_text(client->input, request->body),
                                .type = route->event,
                                .id = route->id,
                                .retry_ms = route->retry_ms};
    if (route->channel_count)
        body.channel = route->channels[0];
    client->is_send = route->kind == ROUTE_SEND;
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 1;
    int r = client->is_send
                ? publish_body_decode_send(service->hub, body.bytes, service->frames, error)
                : publish_body_decode(service->hub, &body, service->frames, &count, error);
    if (r == 0) {
        publish(client, service->frames, count);
        return;
    }
    if (r < 0)
        answer_error(client, 503, "the server is out of memory", NULL, client->is_send);
    else
        answer_error(client, r, error, NULL, client->is_send);
    client_answered(client);
}
