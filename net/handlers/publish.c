/* SPDX-License-Identifier: MIT */
/* Publishes what an HTTP request carries, and answers with its ids: see publish.h. */
#include "net/handlers/publish.h"

#include <errno.h>
#include <jansson.h>

#include "net/admission.h"
#include "net/answer.h"
#include "net/handlers/publish_body.h"
#include "net/headcount.h"

/* How a publish is to be answered. */
struct manner {
    bool is_send;
    bool counts; /* with how many subscribers there are */
};

/* What was published, while its subscribers are counted. */
struct counted {
    json_t *answer; /* without them; NULL: nothing was published, or there was no memory */
    struct headcount *headcount;
    unsigned count; /* of events */
};

/* A publish that waits for room, or, when it has had it, for a count. */
struct waiting_publish {
    struct pending pending; /* first */
    struct waiter waiter;
    struct manner manner;
    struct counted counted;
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
static json_t *make_answer(struct hub *hub, const json_t *given, struct frame *const *known,
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
    json_decref(ids);
    return object;
}

/* Takes the answer over. The events are out: 200 even if there is no memory to say their ids. */
static enum handler_result answer_json(struct client *client, json_t *answer)
{
    char *text = answer ? json_dumps(answer, 0) : NULL;
    json_decref(answer);
    answer_send(client, &(struct answer){.status = 200,
                                         .content_type = "application/json",
                                         .body = text ? text_of(text) : TEXT("{\"ids\": []}")});
    free(text);
    return ANSWERED;
}

static enum handler_result answer_published(struct client *client, bool is_send,
                                            const json_t *given, struct frame *const *known,
                                            unsigned count, uint64_t first)
{
    if (is_send)
        return answer_send(client, &(struct answer){.status = 200,
                                                    .content_type = "application/json",
                                                    .body = TEXT("{\"status\":\"sent\"}")});
    struct hub *hub = service_of(&client->connection)->hub;
    return answer_json(client, make_answer(hub, given, known, count, first));
}

/* With the numbers of this answer; NULL: they did not come in time. */
static enum handler_result answer_counted(struct client *client, struct counted *counted,
                                          const struct pending_answer *numbers)
{
    json_t *subscribers = numbers ? json_array() : json_null();
    for (unsigned i = 0; i < counted->count && numbers && subscribers; i++)
        json_array_append_new(subscribers, json_integer((json_int_t)headcount_at(numbers, i)));
    if (counted->answer)
        json_object_set_new(counted->answer, "subscribers", subscribers);
    else
        json_decref(subscribers);
    return answer_json(client, TAKE(counted->answer));
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

enum attempt {
    ATTEMPT_ANSWERED,
    ATTEMPT_BUSY,    /* nothing has happened, the frames are still the caller's */
    ATTEMPT_COUNTED, /* it is published, and *ret_counted is to be answered later */
};

/* After what hub_publish said, where it published. `known`: NULL, if it had none before. */
static enum attempt published(struct client *client, const struct manner *manner,
                              const json_t *given, struct frame *const *known, unsigned count,
                              uint64_t first, struct counted *counted)
{
    if (!manner->counts) {
        answer_published(client, manner->is_send, given, known, count, first);
        return ATTEMPT_ANSWERED;
    }
    counted->count = count;
    counted->answer = make_answer(service_of(&client->connection)->hub, given, known, count, first);
    return ATTEMPT_COUNTED;
}

/* One attempt. Unless it is busy it is over, and the frames are not the caller's. */
static enum attempt publish_once(struct client *client, const struct manner *manner,
                                 struct frame **frames, unsigned count, struct counted *ret_counted)
{
    struct service *service = service_of(&client->connection);
    struct headcount *headcount = manner->counts ? headcount_new(service, frames, count) : NULL;
    json_t *given = given_ids(frames, count);
    uint64_t first = 0;
    enum attempt attempt = ATTEMPT_ANSWERED;
    *ret_counted = (struct counted){.headcount = NULL};
    int r = hub_publish(service->hub, frames, count, &first);
    if (r == 0) {
        attempt = published(client, manner, given, NULL, count, first, ret_counted);
    } else if (r == HUB_KNOWN) {
        attempt = published(client, manner, given, frames, count, first, ret_counted);
        unref_all(frames, count);
    } else if (r == HUB_ENDED || r == HUB_TWICE) {
        unref_all(frames, count);
        if (r == HUB_ENDED)
            answer_fault(client, count, first, 409, "the channel has ended");
        else
            answer_fault(client, count, first, 400, "the key is that of one before it");
    } else if (r == HUB_BUSY) {
        attempt = ATTEMPT_BUSY;
    } else {
        unref_all(frames, count);
        client->close_after = true;
        answer_error(client, 503, r == -ESHUTDOWN ? CLIENT_STOPPING : "publishing failed");
    }
    json_decref(given);
    if (attempt == ATTEMPT_COUNTED)
        ret_counted->headcount = headcount;
    else
        headcount_free(headcount);
    return attempt;
}

/* --- waiting for room ---------------------------------------------------------------------- */

/* It is published: its numbers are asked for, or there are none. */
static enum handler_result ask_count(struct client *client, struct waiting_publish *publish)
{
    struct headcount *headcount = TAKE(publish->counted.headcount);
    waiters_remove(&service_of(&client->connection)->waiters, &publish->waiter);
    publish->count = 0;
    publish->pending.acted = true;
    if (!headcount || headcount_ask(headcount, publish->pending.id)) {
        headcount_free(headcount);
        return answer_counted(client, &publish->counted, NULL);
    }
    connection_deadline(&client->connection, DEADLINE_ROOM);
    return WAITING;
}

static enum handler_result on_retry(struct client *client, struct pending *pending)
{
    struct waiting_publish *publish = (struct waiting_publish *)pending;
    switch (publish_once(client, &publish->manner, publish->frames, publish->count,
                         &publish->counted)) {
    case ATTEMPT_BUSY:
        return WAITING;
    case ATTEMPT_COUNTED:
        return ask_count(client, publish);
    case ATTEMPT_ANSWERED:
        break;
    }
    publish->count = 0;
    return ANSWERED;
}

static enum handler_result on_answer(struct client *client, struct pending *pending,
                                     const struct pending_answer *answer)
{
    return answer_counted(client, &((struct waiting_publish *)pending)->counted, answer);
}

static enum handler_result on_expire(struct client *client, struct pending *pending)
{
    struct service *service = service_of(&client->connection);
    if (pending->acted)
        return answer_counted(client, &((struct waiting_publish *)pending)->counted, NULL);
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
    json_decref(publish->counted.answer);
    free(publish);
}

static const struct pending_operations pending_operations = {
    .retry = on_retry,
    .expire = on_expire,
    .answer = on_answer,
    .free = on_free,
    .deadline = DEADLINE_ROOM,
};

/* The client's pending request, with room for these frames. NULL: out of memory. */
static struct waiting_publish *begin_waiting(struct client *client, const struct manner *manner,
                                             struct frame *const *frames, unsigned count)
{
    struct service *service = service_of(&client->connection);
    struct waiting_publish *publish = calloc(1, sizeof(*publish) + count * sizeof(struct frame *));
    if (!publish || pending_begin(&service->pendings, &publish->pending, &pending_operations,
                                  &client->connection)) {
        free(publish);
        return NULL;
    }
    publish->pending.bytes = sizeof(*publish) + count * sizeof(struct frame *);
    publish->manner = *manner;
    publish->count = count;
    for (unsigned i = 0; i < count; i++) {
        publish->frames[i] = frames[i];
        publish->pending.bytes += frame_memory(frames[i]);
    }
    client->pending = &publish->pending;
    return publish;
}

static enum handler_result wait_for_room(struct client *client, const struct manner *manner,
                                         struct frame *const *frames, unsigned count)
{
    struct waiters *waiters = &service_of(&client->connection)->waiters;
    struct waiting_publish *publish = begin_waiting(client, manner, frames, count);
    if (!publish) {
        unref_all(frames, count);
        return answer_error(client, 503, "the server is out of memory");
    }
    bool held = waiters_hold(waiters, frames, count);
    waiters_add(waiters, &publish->waiter, &client->connection, frames, count);
    if (held)
        return WAITING;
    /* Once more after arming: room that appeared since the refusal would not be told. */
    waiters_arm(waiters);
    return on_retry(client, client->pending);
}

/* Of events that had room at once. */
static enum handler_result wait_for_count(struct client *client, const struct manner *manner,
                                          struct counted *counted)
{
    struct waiting_publish *publish = begin_waiting(client, manner, NULL, 0);
    if (!publish) {
        headcount_free(counted->headcount);
        return answer_counted(client, counted, NULL);
    }
    publish->counted = *counted;
    if (counted->headcount)
        publish->pending.bytes += headcount_memory(counted->headcount);
    return ask_count(client, publish);
}

/* --- requests ------------------------------------------------------------------------------ */

/* Several are those that the application named: each event says which of them it is for. */
static struct text channel_of(const struct route *route)
{
    return route->channel_count == 1 ? route->channels[0] : TEXT("");
}

static enum handler_result publish(struct client *client, const struct manner *manner,
                                   struct frame **frames, unsigned count)
{
    struct counted counted;
    if (!admission_lets_publish(client, frames, count)) {
        unref_all(frames, count);
        return ANSWERED;
    }
    if (waiters_hold(&service_of(&client->connection)->waiters, frames, count))
        return wait_for_room(client, manner, frames, count);
    switch (publish_once(client, manner, frames, count, &counted)) {
    case ATTEMPT_COUNTED:
        return wait_for_count(client, manner, &counted);
    case ATTEMPT_BUSY:
        return wait_for_room(client, manner, frames, count);
    case ATTEMPT_ANSWERED:
        break;
    }
    return ANSWERED;
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
                                .all = route->all,
                                .key = client_text(client, request->idempotency_key)};
    body.channel = channel_of(route);
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 0;
    int r = publish_body_decode(service->hub, &body, service->frames, &count, error);
    struct manner manner = {.counts = route->counts};
    return r ? refuse(client, r, error) : publish(client, &manner, service->frames, count);
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
    const struct manner manner = {.is_send = true};
    return r ? refuse(client, r, error) : publish(client, &manner, service->frames, 1);
}

const struct handler publish_handler = {.on_request = on_publish};
const struct handler publish_send_handler = {.on_request = on_send};
