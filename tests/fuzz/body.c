/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: bodies of publish requests. What each content type makes of a body is what a second
 * reading of it gives, every frame reads back, and a refusal has a status and a sentence.
 *
 * Input: the content type (`send` for POST /send), then channel, event, id and retry of the URL on
 * a line each, then the body.
 */
#include "tests/fuzz/feed_rules.h"
#include "tests/fuzz/rules.h"
#include "tests/fuzz/stream.h"
#include "tests/fuzz/target.h"

#include <jansson.h>
#include <strings.h>

#include "net/handlers/publish_body.h"

/* What a second reading found in a body; `bad`: it must be refused, `events` do not count. */
struct reading {
    bool known; /* there is one for this content type */
    bool bad;
    size_t count, size;
    struct event *events;
    bool *has_channel;
    char *room;
    struct feed_list list;
    json_t *json;
};

static void add_event(struct reading *reading, struct event event, bool has_channel)
{
    if (reading->count == reading->size) {
        reading->size = reading->size ? reading->size * 2 : 8;
        reading->events = realloc(reading->events, reading->size * sizeof(*reading->events));
        reading->has_channel =
            realloc(reading->has_channel, reading->size * sizeof(*reading->has_channel));
        CHECK(reading->events && reading->has_channel);
    }
    reading->has_channel[reading->count] = has_channel;
    reading->events[reading->count++] = event;
}

/* --- the types ----------------------------------------------------------------------------- */

static void read_stream(struct reading *reading, struct text bytes)
{
    feed_rules_read(bytes, bytes.len, false, &reading->list);
    for (size_t i = 0; i < reading->list.count; i++) {
        struct feed_item *item = &reading->list.items[i];
        uint64_t epoch, sequence;
        reading->bad |= item->fault != EVENT_TEXT_OK;
        if (rules_is_our_id(item->event.id, &epoch, &sequence))
            item->event.id.len = 0;
        add_event(reading, item->event, item->event.channel.len > 0);
    }
}

static struct text string_of(struct reading *reading, const json_t *object, const char *key,
                             bool *ret_given)
{
    const json_t *value = json_object_get(object, key);
    reading->bad |= value && !json_is_string(value);
    *ret_given = value != NULL;
    if (!value || !json_is_string(value))
        return TEXT("");
    return (struct text){json_string_value(value), json_string_length(value)};
}

static void read_object(struct reading *reading, const json_t *object)
{
    bool given;
    struct event event = {.retry_ms = -1};
    event.data = string_of(reading, object, "data", &given);
    reading->bad |= !json_is_object(object);
    event.without_data = !given; /* and then rules_is_event says what else there may be */
    event.type = string_of(reading, object, "event", &given);
    event.id = string_of(reading, object, "id", &given);
    const json_t *retry = json_object_get(object, "retry");
    reading->bad |= retry && (!json_is_integer(retry) || json_integer_value(retry) < 0);
    if (retry)
        event.retry_ms = json_integer_value(retry);
    const json_t *end = json_object_get(object, "end");
    reading->bad |= end && !json_is_boolean(end);
    event.ends = json_is_true(end);
    const json_t *all = json_object_get(object, "all");
    reading->bad |= all && !json_is_boolean(all);
    event.all = json_is_true(all);
    event.key = string_of(reading, object, "key", &given);
    event.channel = string_of(reading, object, "channel", &given);
    add_event(reading, event, given);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) reading->bad |=
        strcmp(key, "data") != 0 && strcmp(key, "event") != 0 && strcmp(key, "id") != 0 &&
        strcmp(key, "retry") != 0 && strcmp(key, "channel") != 0 && strcmp(key, "end") != 0 &&
        strcmp(key, "key") != 0 && strcmp(key, "all") != 0;
}

static void read_json(struct reading *reading, struct text bytes)
{
    reading->json = json_loadb(bytes.at, bytes.len, JSON_REJECT_DUPLICATES, NULL);
    reading->bad = !reading->json;
    if (json_is_object(reading->json))
        read_object(reading, reading->json);
    for (size_t i = 0; i < json_array_size(reading->json); i++)
        read_object(reading, json_array_get(reading->json, i));
}

static void read_message(struct reading *reading, struct text bytes)
{
    bool given;
    reading->json = json_loadb(bytes.at, bytes.len, JSON_REJECT_DUPLICATES, NULL);
    struct event event = {.channel = TEXT("default"), .retry_ms = -1};
    event.data = string_of(reading, reading->json, "message", &given);
    reading->bad |= !given;
    add_event(reading, event, true);
}

static int digit_of(char byte)
{
    const char *digits = "00112233445566778899aAbBcCdDeEfF";
    const char *at = byte ? strchr(digits, byte) : NULL;
    return at ? (int)(at - digits) / 2 : -1;
}

/* One key or value of a form, into the reading's room. */
static struct text take_decoded(struct reading *reading, struct text *rest, const char *ends)
{
    struct text out = {reading->room, 0};
    size_t at = 0;
    for (; at < rest->len && !(rest->at[at] && strchr(ends, rest->at[at])); at++) {
        char byte = rest->at[at] == '+' ? ' ' : rest->at[at];
        if (byte == '%') {
            int high = at + 2 < rest->len ? digit_of(rest->at[at + 1]) : -1;
            int low = at + 2 < rest->len ? digit_of(rest->at[at + 2]) : -1;
            if (high >= 0 && low >= 0) {
                byte = (char)(high * 16 + low);
                at += 2;
            }
        }
        *reading->room++ = byte;
        out.len++;
    }
    *rest = (struct text){rest->at + at, rest->len - at};
    return out;
}

static void read_form(struct reading *reading, struct text rest)
{
    static const char *const keys[] = {"data", "event", "id", "channel", "retry", "all"};
    struct text values[6] = {{0}};
    unsigned seen = 0;
    while (rest.len > 0) {
        struct text key = take_decoded(reading, &rest, "=&"), value = {"", 0};
        if (rest.len > 0 && rest.at[0] == '=') {
            rest = (struct text){rest.at + 1, rest.len - 1};
            value = take_decoded(reading, &rest, "&");
        }
        if (rest.len > 0)
            rest = (struct text){rest.at + 1, rest.len - 1};
        for (unsigned i = 0; i < 6; i++) {
            if (!text_equals(key, text_of(keys[i])))
                continue;
            reading->bad |= (seen & 1u << i) != 0;
            seen |= 1u << i;
            values[i] = value;
        }
    }
    struct event event = {.data = values[0],
                          .type = values[1],
                          .id = values[2],
                          .channel = values[3],
                          .retry_ms = -1};
    event.without_data = !(seen & 1);
    reading->bad |= values[4].len && !retry_parse(values[4], &event.retry_ms);
    event.all = text_equals(values[5], TEXT("1"));
    reading->bad |= values[5].len && !event.all;
    add_event(reading, event, event.channel.len > 0);
}

static bool type_is(struct text type, const char *name)
{
    return type.len == strlen(name) && strncasecmp(type.at, name, type.len) == 0;
}

/* Of the types as they are usually written; how they can be written is for the unit tests. */
static void read_body(struct reading *reading, const struct publish_body *body, bool send)
{
    struct text type = body->content_type;
    reading->known = true;
    if (send)
        read_message(reading, body->bytes);
    else if (type.len == 0 || type_is(type, "text/plain") ||
             type_is(type, "application/octet-stream"))
        add_event(reading, (struct event){.data = body->bytes, .retry_ms = -1}, false);
    else if (type_is(type, "application/json"))
        read_json(reading, body->bytes);
    else if (type_is(type, "application/x-www-form-urlencoded"))
        read_form(reading, body->bytes);
    else if (type_is(type, "text/event-stream"))
        read_stream(reading, body->bytes);
    else
        reading->known = false;
}

/* What the URL adds; then every event must be one that may be published. */
static void complete(struct reading *reading, const struct publish_body *body)
{
    reading->bad |= reading->count == 0 || reading->count > PUBLISH_EVENTS_MAX;
    reading->bad |= reading->count > 1 && body->id.len > 0;
    for (size_t i = 0; !reading->bad && i < reading->count; i++) {
        struct event *event = &reading->events[i];
        reading->bad |= event->all && reading->has_channel[i];
        if (!reading->has_channel[i])
            event->channel = body->channel;
        reading->bad |= body->channel.len && !text_equals(event->channel, body->channel);
        reading->bad |= event->without_data && event->retry_ms < 0 && !event->ends;
        if (event->type.len == 0 && !event->without_data)
            event->type = body->type;
        if (event->id.len == 0 && !event->without_data)
            event->id = body->id;
        if (event->retry_ms < 0)
            event->retry_ms = body->retry_ms;
        reading->bad |= !rules_is_event(event);
    }
}

/* --- the decoder --------------------------------------------------------------------------- */

static void check_refusal(int status, const char *error, bool send)
{
    CHECK(status == 400 || status == 413 || (status == 415 && !send));
    size_t len = strnlen(error, PUBLISH_ERROR_BYTES);
    CHECK(len > 0 && len < PUBLISH_ERROR_BYTES);
    CHECK(rules_is_text((struct text){error, len}));
    CHECK(!rules_has_controls((struct text){error, len}));
}

static struct hub *start_hub(void)
{
    static struct hub *hub;
    if (!hub) {
        struct hub_options options;
        hub_options_default(&options);
        options.workers = 1;
        CHECK(hub_new(&options, &hub) == 0);
    }
    return hub; /* builds frames only; it lives as long as the program */
}

static void decode(const struct publish_body *body, bool send, const struct reading *reading)
{
    static struct frame *frames[PUBLISH_EVENTS_MAX];
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 1;
    memset(error, 'x', sizeof(error));
    int r = send ? publish_body_decode_send(start_hub(), body, frames, error)
                 : publish_body_decode(start_hub(), body, frames, &count, error);
    CHECK(r >= 0);
    if (r > 0)
        check_refusal(r, error, send);
    if (reading->known)
        CHECK((r == 0) == !reading->bad);
    CHECK(r != 0 || (count >= 1 && count <= PUBLISH_EVENTS_MAX));
    CHECK(r != 0 || !reading->known || count == reading->count);
    for (unsigned i = 0; r == 0 && i < count; i++) {
        if (reading->known)
            stream_check_frame(frames[i], &reading->events[i]);
        frame_unref(frames[i]);
    }
}

/* For one subscriber: one event, which has neither a channel nor an id of its own. */
static void decode_private(struct publish_body body)
{
    static struct frame *frames[PUBLISH_EVENTS_MAX];
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 0;
    body.is_private = true;
    int r = publish_body_decode(start_hub(), &body, frames, &count, error);
    CHECK(r >= 0);
    if (r > 0) {
        check_refusal(r, error, false);
        return;
    }
    CHECK(count == 1 && frames[0]->kind == FRAME_PRIVATE && !frames[0]->id_given);
    frame_unref(frames[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text rest = text_of_input(bytes, len);
    struct publish_body body = {.content_type = take_line(&rest),
                                .channel = take_line(&rest),
                                .type = take_line(&rest),
                                .id = take_line(&rest),
                                .retry_ms = -1};
    struct text retry = take_line(&rest);
    if (!retry_parse(retry, &body.retry_ms))
        body.retry_ms = -1;
    bool send = text_equals(body.content_type, TEXT("send"));
    if (send)
        body = (struct publish_body){.channel = TEXT("default"), .retry_ms = -1};
    body.bytes = rest;
    struct reading reading = {.room = malloc(rest.len + 1)};
    CHECK(reading.room);
    char *room = reading.room;
    read_body(&reading, &body, send);
    complete(&reading, &body);
    decode(&body, send, &reading);
    if (!send)
        decode_private(body);
    feed_rules_free(&reading.list);
    json_decref(reading.json);
    free(reading.events);
    free(reading.has_channel);
    free(room);
    return 0;
}
