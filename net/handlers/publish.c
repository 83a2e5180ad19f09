/* SPDX-License-Identifier: MIT */
/* Publishes what an HTTP request carries, and answers with its ids: see publish.h. */
#include "net/handlers/publish.h"

#include <errno.h>
#include <jansson.h>

#include "net/admission.h"
#include "net/answer.h"
#include "net/handlers/publish_body.h"

/* A publish that waits for room. */
struct waiting_publish {
    struct pending pending; /* first */
    struct waiter waiter;
    bool is_send;
    unsigned count; /* 0: the frames are the hub's */
    struct frame *frames[];
};

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

/* {"ids": [...]} of published frames; `given` is what given_ids said of them. In `known` are those
 * that were published before; NULL: none was. */
static char *format_ids(struct hub *hub, const json_t *given, struct frame *const *known,
                        unsigned count, uint64_t first)
{
    json_t *ids = json_array();
    int r = ids ? 0 : -1;
    for (unsigned i = 0; i < count && !r; i++) {
        char ours[ID_LEN], before[EVENT_ID_BYTES_MAX];
        if (known && known[i]) {
            size_t len = hub_known_id(hub, known[i], before);
            r = json_array_append_new(ids, json_stringn(before, len));
            continue;
        }
        json_t *id = json_array_get(given, i); /* NULL of a NULL array */
        id_format(ours, hub_ids(hub), first++);
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

static enum handler_result answer_published(struct client *client, bool is_send,
                                            const json_t *given, struct frame *const *known,
                                            unsigned count, uint64_t first)
{
    if (is_send)
        return answer_send(client, &(struct answer){.status = 200,
                                                    .content_type = "application/json",
                                                    .body = TEXT("{\"status\":\"sent\"}")});
    char *text = format_ids(service_of(&client->connection)->hub, given, known, count, first);
    /* The events are out: 200 even if there is no memory to say their ids. */
    answer_send(client, &(struct answer){.status = 200,
                                         .content_type = "application/json",
                                         .body = text ? text_of(text) : TEXT("{\"ids\": []}")});
    free(text);
    return ANSWERED;
}

static void unref_all(struct frame *const *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        frame_unref(frames[i]);
}

/* One of `count` frames cannot be published. */
static enum handler_result answer_fault(struct client *client, unsigned count, uint64_t index,
                                        int status, const char *sentence)
{
    char numbered[96];
    snprintf(numbered, sizeof(numbered), "event %u: %s", (unsigned)index + 1, sentence);
    return answer_error(client, status, count > 1 ? numbered : sentence);
}

/* One attempt. WAITING: nothing has happened, the frames are still the caller's. Else it is over,
 * and they are not. */
static enum handler_result publish_once(struct client *client, bool is_send, struct frame **frames,
                                        unsigned count)
{
    json_t *given = given_ids(frames, count);
    uint64_t first = 0;
    enum handler_result result = WAITING;
    int r = hub_publish(service_of(&client->connection)->hub, frames, count, &first);
    if (r == 0) {
        result = answer_published(client, is_send, given, NULL, count, first);
    } else if (r == HUB_KNOWN) {
        result = answer_published(client, is_send, given, frames, count, first);
        unref_all(frames, count);
    } else if (r == HUB_ENDED || r == HUB_TWICE) {
        unref_all(frames, count);
        result = r == HUB_ENDED
                     ? answer_fault(client, count, first, 409, "the channel has ended")
                     : answer_fault(client, count, first, 400, "the key is that of one before it");
    } else if (r != HUB_BUSY) {
        unref_all(frames, count);
        client->close_after = true;
        result = answer_error(client, 503, r == -ESHUTDOWN ? CLIENT_STOPPING : "publishing failed");
    }
    json_decref(given);
    return result;
}

/* --- waiting for room ---------------------------------------------------------------------- */

static enum handler_result on_retry(struct client *client, struct pending *pending)
{
    struct waiting_publish *publish = (struct waiting_publish *)pending;
    enum handler_result result =
        publish_once(client, publish->is_send, publish->frames, publish->count);
    if (result != WAITING)
        publish->count = 0;
    return result;
}

static enum handler_result on_expire(struct client *client, struct pending *pending)
{
    (void)pending;
    struct service *service = service_of(&client->connection);
    net_count(&service->loop.stats.publishes_refused_busy);
    return answer_error(client, 503,
                        hub_memory_is_full(service->hub)
                            ? CLIENT_NO_MEMORY
                            : "the channel has no room now, try again");
}

static void on_free(struct client *client, struct pending *pending)
{
    struct waiting_publish *publish = (struct waiting_publish *)pending;
    waiters_remove(&service_of(&client->connection)->waiters, &publish->waiter);
    unref_all(publish->frames, publish->count);
    free(publish);
}

static const struct pending_operations pending_operations = {
    .retry = on_retry,
    .expire = on_expire,
    .free = on_free,
    .deadline = DEADLINE_ROOM,
};

static enum handler_result wait_for_room(struct client *client, bool is_send,
                                         struct frame *const *frames, unsigned count)
{
    struct service *service = service_of(&client->connection);
    struct waiters *waiters = &service->waiters;
    struct waiting_publish *publish = calloc(1, sizeof(*publish) + count * sizeof(struct frame *));
    if (!publish || pending_begin(&service->pendings, &publish->pending, &pending_operations,
                                  &client->connection)) {
        free(publish);
        unref_all(frames, count);
        return answer_error(client, 503, "the server is out of memory");
    }
    publish->pending.bytes = sizeof(*publish) + count * sizeof(struct frame *);
    publish->is_send = is_send;
    publish->count = count;
    memcpy(publish->frames, frames, count * sizeof(struct frame *));
    for (unsigned i = 0; i < count; i++)
        publish->pending.bytes += frame_memory(frames[i]);
    client->pending = &publish->pending;
    bool held = waiters_hold(waiters, frames, count);
    waiters_add(waiters, &publish->waiter, &client->connection, frames, count);
    if (held)
        return WAITING;
    /* Once more after arming: room that appeared since the refusal would not be told. */
    waiters_arm(waiters);
    return on_retry(client, client->pending);
}

/* --- requests ------------------------------------------------------------------------------ */

/* Several are those that the application named: each event says which of them it is for. */
static struct text channel_of(const struct route *route)
{
    return route->channel_count == 1 ? route->channels[0] : TEXT("");
}

static enum handler_result publish(struct client *client, bool is_send, struct frame **frames,
                                   unsigned count)
{
    if (!admission_lets_publish(client, frames, count)) {
        unref_all(frames, count);
        return ANSWERED;
    }
    if (!waiters_hold(&service_of(&client->connection)->waiters, frames, count)) {
        enum handler_result result = publish_once(client, is_send, frames, count);
        if (result != WAITING)
            return result;
    }
    return wait_for_room(client, is_send, frames, count);
}

/* `r` and `error` are of publish_body.h. */
static enum handler_result refuse(struct client *client, int r, const char *error)
{
    return r < 0 ? answer_error(client, 503, "the server is out of memory")
                 : answer_error(client, r, error);
}

static enum handler_result on_publish(struct client *client)
{
    struct service *service = service_of(&client->connection);
    const struct http_request *request = &client->parser.request;
    const struct route *route = client->route;
    struct publish_body body = {.content_type = client_text(client, request->content_type),
                                .content_encoding = client_text(client, request->content_encoding),
                                .bytes = client_text(client, request->body),
                                .type = route->event,
                                .id = route->id,
                                .retry_ms = route->retry_ms,
                                .ends = route->ends,
                                .key = client_text(client, request->idempotency_key)};
    body.channel = channel_of(route);
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 0;
    int r = publish_body_decode(service->hub, &body, service->frames, &count, error);
    return r ? refuse(client, r, error) : publish(client, false, service->frames, count);
}

static enum handler_result on_send(struct client *client)
{
    struct service *service = service_of(&client->connection);
    const struct http_request *request = &client->parser.request;
    struct publish_body body = {.channel = channel_of(client->route),
                                .content_encoding = client_text(client, request->content_encoding),
                                .bytes = client_text(client, request->body)};
    char error[PUBLISH_ERROR_BYTES];
    int r = publish_body_decode_send(service->hub, &body, service->frames, error);
    return r ? refuse(client, r, error) : publish(client, true, service->frames, 1);
}

const struct handler publish_handler = {.on_request = on_publish};
const struct handler publish_send_handler = {.on_request = on_send};
