/* SPDX-License-Identifier: MIT */
/*
 * One decoder per body type, and one place, add_event, where their events meet the rules they
 * share: whose channel counts, what the query stands in for, how many events there may be. A
 * decoder stops at the first fault; publish_body_decode then releases what was built before it.
 */
#include "net/handlers/publish_body.h"

#include <errno.h>
#include <stdarg.h>

#include "engine/limits.h"
#include "net/feed/event_text.h"
#include "net/handlers/json_text.h"
#include "net/http/bytes.h"
#include "net/http/media_type.h"
#include "net/http/percent.h"

/* One body being decoded. */
struct decoder {
    struct hub *hub;
    const struct publish_body *body;
    struct frame **frames;
    unsigned count; /* of frames built */
    bool many;      /* the body may have more than one event: faults name its number */
    char *error;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct decoder *decoder, int status,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(decoder->error, PUBLISH_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return status;
}

/* A fault of the event after those that were built. */
static int refuse_event(struct decoder *decoder, int status, const char *sentence)
{
    if (decoder->many)
        return refuse(decoder, status, "event %u: %s", decoder->count + 1, sentence);
    return refuse(decoder, status, "%s", sentence);
}

static int add_frame(struct decoder *decoder, const struct event *event)
{
    struct frame **ret_frame = &decoder->frames[decoder->count];
    int r = decoder->body->is_private ? hub_private_frame(event, ret_frame)
                                      : hub_frame(decoder->hub, event, ret_frame);
    if (r > 0)
        return refuse_event(decoder, r == FRAME_DATA_LONG ? 413 : 400,
                            frame_fault_text((enum frame_fault)r));
    if (r == 0)
        decoder->count++;
    return r;
}

/* For one subscriber. What means nothing there was meant otherwise. */
static int add_private(struct decoder *decoder, struct event *event, bool has_channel)
{
    const struct publish_body *body = decoder->body;
    if (decoder->count > 0)
        return refuse(decoder, 400, "one subscriber is sent one event at a time");
    if (has_channel)
        return refuse_event(decoder, 400, "an event for one subscriber is of no channel");
    if (event->id.len || event->key.len || body->key.len)
        return refuse_event(decoder, 400,
                            "an event for one subscriber has neither an id nor a key");
    if (event->ends)
        return refuse_event(decoder, 400, "an event for one subscriber ends no channel");
    if (event->all)
        return refuse_event(decoder, 400, "an event for one subscriber is not to all");
    if (!event->type.len && !event->without_data)
        event->type = body->type;
    if (event->retry_ms < 0)
        event->retry_ms = body->retry_ms;
    return add_frame(decoder, event);
}

/* Builds the frame of an event; `has_channel`: it names its own, even if that is empty. */
static int add_event(struct decoder *decoder, struct event *event, bool has_channel)
{
    const struct publish_body *body = decoder->body;
    if (body->is_private)
        return add_private(decoder, event, has_channel);
    if (decoder->count == PUBLISH_EVENTS_MAX)
        return refuse(decoder, 413, "the body has more than %d events", PUBLISH_EVENTS_MAX);
    event->all |= body->all;
    if (event->all && (has_channel || body->channel.len))
        return refuse_event(decoder, 400, frame_fault_text(FRAME_ALL_CHANNEL));
    if (has_channel && body->channel.len && !text_equals(event->channel, body->channel))
        return refuse_event(decoder, 400, "the event names another channel than the URL");
    if (!has_channel && !body->channel.len && !event->all)
        return refuse_event(decoder, 400, "neither the URL nor the event names a channel");
    if (!has_channel)
        event->channel = body->channel;
    if (!event->type.len && !event->without_data)
        event->type = body->type;
    if (!event->id.len && !event->without_data)
        event->id = body->id;
    if (event->retry_ms < 0)
        event->retry_ms = body->retry_ms;
    event->ends |= body->ends;
    if (!event->key.len)
        event->key = body->key;
    return add_frame(decoder, event);
}

/* What names neither data nor a retry, or gives a type or an id to what nobody sees, was meant
 * otherwise. */
static bool may_lack_data(const struct event *event)
{
    return (event->retry_ms >= 0 || event->ends) && !event->type.len && !event->id.len;
}

/* --- raw text ------------------------------------------------------------------------------ */

static int decode_raw(struct decoder *decoder)
{
    struct event event = {.data = decoder->body->bytes, .retry_ms = -1};
    event.without_data = decoder->body->ends && !event.data.len; /* an end alone */
    return add_event(decoder, &event, false);
}

/* --- event-stream text --------------------------------------------------------------------- */

static int decode_event_stream(struct decoder *decoder)
{
    struct text rest = decoder->body->bytes;
    struct event_text parser;
    /* No event of the body can have more data than the body, which has a limit of its own. */
    event_text_init(&parser, rest.len, false);
    decoder->many = true;

    int r = 0;
    while (r == 0) {
        size_t consumed;
        enum event_text_result result = event_text_read(&parser, rest.at, rest.len, &consumed);
        rest = (struct text){rest.at + consumed, rest.len - consumed};
        if (result == EVENT_TEXT_MORE)
            result = event_text_end(&parser);
        if (result == EVENT_TEXT_MORE)
            break;
        /* A stream of ours can be published again: its ids are not the new events'. */
        if (result == EVENT_TEXT_EVENT && frame_check_id(parser.event.id) == FRAME_ID_OURS)
            parser.event.id.len = 0;
        if (result == EVENT_TEXT_EVENT)
            r = add_event(decoder, &parser.event, parser.event.channel.len != 0);
        else if (parser.fault == EVENT_TEXT_MEMORY)
            r = -ENOMEM;
        else
            r = refuse_event(decoder, 400, parser.error);
    }
    event_text_deinit(&parser);
    return r;
}

/* --- form ---------------------------------------------------------------------------------- */

enum form_key { FORM_DATA, FORM_EVENT, FORM_ID, FORM_RETRY, FORM_CHANNEL, FORM_ALL, FORM_KEYS };

static const char *const form_keys[] = {"data", "event", "id", "retry", "channel", "all"};

/* Decodes one key=value into `scratch`, which has room for it, and files the value if it is known.
 */
static int decode_pair(struct decoder *decoder, struct text pair, char *scratch,
                       struct text values[FORM_KEYS], bool given[FORM_KEYS])
{
    const char *equals = memchr(pair.at, '=', pair.len);
    size_t key_len = equals ? (size_t)(equals - pair.at) : pair.len;
    size_t value_at = equals ? key_len + 1 : pair.len;
    struct text value = {pair.at + value_at, pair.len - value_at};
    struct text key = {scratch, 0};
    struct text decoded = {scratch + value_at, 0};
    key.len = percent_decode_form((struct text){pair.at, key_len}, scratch);
    decoded.len = percent_decode_form(value, scratch + value_at);
    for (int i = 0; i < FORM_KEYS; i++) {
        if (!text_equals(key, text_of(form_keys[i])))
            continue;
        if (given[i])
            return refuse(decoder, 400, "the form has %s more than once", form_keys[i]);
        given[i] = true;
        values[i] = decoded;
    }
    return 0;
}

static int decode_form_into(struct decoder *decoder, char *scratch)
{
    struct text rest = decoder->body->bytes;
    struct text values[FORM_KEYS] = {{0}};
    bool given[FORM_KEYS] = {false};
    while (rest.len > 0) {
        const char *ampersand = memchr(rest.at, '&', rest.len);
        size_t len = ampersand ? (size_t)(ampersand - rest.at) : rest.len;
        int r = decode_pair(decoder, (struct text){rest.at, len}, scratch, values, given);
        if (r != 0)
            return r;
        scratch += len;
        len += ampersand != NULL;
        rest = (struct text){rest.at + len, rest.len - len};
    }
    struct event event = {.channel = values[FORM_CHANNEL],
                          .type = values[FORM_EVENT],
                          .id = values[FORM_ID],
                          .data = values[FORM_DATA],
                          .retry_ms = -1};
    /* A field of an HTML form that was left empty is sent as an empty value: it was not given. */
    if (values[FORM_RETRY].len && !retry_parse(values[FORM_RETRY], &event.retry_ms))
        return refuse(decoder, 400, "%s", frame_fault_text(FRAME_RETRY_RANGE));
    event.all = text_equals(values[FORM_ALL], TEXT("1"));
    if (values[FORM_ALL].len && !event.all)
        return refuse(decoder, 400, "all has a value other than 1");
    event.ends = decoder->body->ends;
    event.without_data = !given[FORM_DATA];
    if (event.without_data && !may_lack_data(&event))
        return refuse(decoder, 400,
                      "the form has no data (send data=TEXT, or set Content-Type: text/plain)");
    return add_event(decoder, &event, event.channel.len != 0);
}

static int decode_form(struct decoder *decoder)
{
    char *scratch = malloc(decoder->body->bytes.len + 1);
    if (!scratch)
        return -ENOMEM;
    int r = decode_form_into(decoder, scratch);
    free(scratch);
    return r;
}

/* --- JSON ---------------------------------------------------------------------------------- */

/* A member that must be a string, if it is there. */
static int json_text(struct decoder *decoder, const json_t *object, const char *key,
                     struct text *ret_text, bool *ret_given)
{
    const json_t *value = json_object_get(object, key);
    *ret_given = value != NULL;
    if (value && !json_is_string(value)) {
        char sentence[96];
        bool nested = json_is_object(value) || json_is_array(value);
        snprintf(sentence, sizeof(sentence), "%s is not a string: %s", key,
                 nested ? "send its JSON text as one, as JSON.stringify gives it"
                        : "put it in quotes");
        return refuse_event(decoder, 400, sentence);
    }
    if (value)
        *ret_text = (struct text){json_string_value(value), json_string_length(value)};
    return 0;
}

/* A misspelt member would be lost in silence. */
static int check_members(struct decoder *decoder, json_t *object)
{
    static const char *const members[] = {"channel", "event", "id",  "data",
                                          "retry",   "end",   "key", "all"};
    size_t known = 0;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        known += json_object_get(object, members[i]) != NULL;
    if (known == json_object_size(object))
        return 0;
    for (void *member = json_object_iter(object); member;
         member = json_object_iter_next(object, member)) {
        const char *name = json_object_iter_key(member);
        bool is_known = false;
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
            is_known = is_known || strcmp(name, members[i]) == 0;
        if (is_known)
            continue;
        char word[HTTP_WORD_ROOM], sentence[128];
        http_word(text_of(name), word);
        snprintf(sentence, sizeof(sentence),
                 "unknown member \"%s\"; members are channel, event, id, data, retry, end, key, "
                 "all",
                 word);
        return refuse_event(decoder, 400, sentence);
    }
    return 0;
}

static int add_json_event(struct decoder *decoder, json_t *object)
{
    struct event event = {.retry_ms = -1};
    bool has_data = false, has_channel = false, ignored;
    if (!json_is_object(object))
        return refuse_event(decoder, 400, "it is not an object");
    int r = check_members(decoder, object);
    if (r == 0)
        r = json_text(decoder, object, "data", &event.data, &has_data);
    if (r == 0)
        r = json_text(decoder, object, "event", &event.type, &ignored);
    if (r == 0)
        r = json_text(decoder, object, "id", &event.id, &ignored);
    if (r == 0)
        r = json_text(decoder, object, "key", &event.key, &ignored);
    if (r == 0)
        r = json_text(decoder, object, "channel", &event.channel, &has_channel);
    if (r != 0)
        return r;

    const json_t *retry = json_object_get(object, "retry");
    if (retry && !json_is_integer(retry))
        return refuse_event(decoder, 400, "retry is not an integer");
    if (retry)
        event.retry_ms = json_integer_value(retry);
    /* -1 means none from here on, so what is below 0 ends here. */
    if (retry && event.retry_ms < 0)
        return refuse_event(decoder, 400, frame_fault_text(FRAME_RETRY_RANGE));
    const json_t *ends = json_object_get(object, "end");
    if (ends && !json_is_boolean(ends))
        return refuse_event(decoder, 400, "end is not true or false");
    event.ends = json_is_true(ends) || decoder->body->ends;
    const json_t *all = json_object_get(object, "all");
    if (all && !json_is_boolean(all))
        return refuse_event(decoder, 400, "all is not true or false");
    event.all = json_is_true(all);
    event.without_data = !has_data;
    if (event.without_data && !may_lack_data(&event))
        return refuse_event(decoder, 400, "data is missing");
    return add_event(decoder, &event, has_channel);
}

static int decode_json(struct decoder *decoder)
{
    json_t *json = NULL;
    int r = json_text_load(decoder->body->bytes, &json, decoder->error);
    if (r != 0)
        return r;
    if (json_is_object(json)) {
        r = add_json_event(decoder, json);
    } else if (json_array_size(json) > PUBLISH_EVENTS_MAX) {
        r = refuse(decoder, 413, "the body has more than %d events", PUBLISH_EVENTS_MAX);
    } else {
        decoder->many = true;
        for (size_t i = 0; r == 0 && i < json_array_size(json); i++)
            r = add_json_event(decoder, json_array_get(json, i));
    }
    json_decref(json);
    return r;
}

/* --- content types ------------------------------------------------------------------------- */

static const struct body_type {
    const char *name;
    int (*decode)(struct decoder *decoder);
} body_types[] = {
    {"", decode_raw},
    {"text/plain", decode_raw},
    {"application/octet-stream", decode_raw},
    {"application/json", decode_json},
    {"application/x-www-form-urlencoded", decode_form},
    {"text/event-stream", decode_event_stream},
};

/* A body that went through a compressor is none that we read (RFC 9110 section 8.4). */
static int check_coding(struct decoder *decoder)
{
    struct text coding = decoder->body->content_encoding;
    if (coding.len == 0 || http_equals_nocase(coding, "identity"))
        return 0;
    return refuse(decoder, 415,
                  "a Content-Encoding is not understood here: send the body as it is");
}

static int decode_by_type(struct decoder *decoder)
{
    struct text rest = decoder->body->content_type;
    struct text name = media_type_next(&rest);
    int r = check_coding(decoder);
    if (r != 0)
        return r;
    for (size_t i = 0; i < sizeof(body_types) / sizeof(body_types[0]); i++) {
        if (!http_equals_nocase(name, body_types[i].name))
            continue;
        if (!media_type_is_utf_8(rest))
            return refuse(decoder, 415, "the body's charset is not utf-8");
        return body_types[i].decode(decoder);
    }
    if (http_equals_nocase(name, "multipart/form-data"))
        return refuse(decoder, 415,
                      "multipart/form-data is not understood here: send the form as "
                      "application/x-www-form-urlencoded, or JSON");
    return refuse(decoder, 415,
                  "the content type is none of text/plain, application/octet-stream, "
                  "application/json, application/x-www-form-urlencoded, text/event-stream");
}

int publish_body_decode(struct hub *hub, const struct publish_body *body, struct frame **frames,
                        unsigned *ret_count, char error[PUBLISH_ERROR_BYTES])
{
    struct decoder decoder = {.hub = hub, .body = body, .frames = frames, .error = error};
    int r = decode_by_type(&decoder);
    if (r == 0 && decoder.count == 0)
        r = refuse(&decoder, 400, "the body has no event");
    if (r == 0 && decoder.count > 1 && body->id.len)
        r = refuse(&decoder, 400, "the query has an id, but the body more than one event");
    if (r == 0 && decoder.count > 1 && body->key.len)
        r = refuse(
            &decoder, 400,
            "there is an Idempotency-Key, but the body has more than one event: give each its "
            "key");
    if (r == 0 && decoder.count > 1 && body->ends)
        r = refuse(&decoder, 400, "the query has an end, but the body more than one event");
    if (r == 0) {
        *ret_count = decoder.count;
        return 0;
    }
    while (decoder.count > 0)
        frame_unref(frames[--decoder.count]);
    return r;
}

int publish_body_decode_send(struct hub *hub, const struct publish_body *body,
                             struct frame **ret_frame, char error[PUBLISH_ERROR_BYTES])
{
    const struct publish_body whole = {.bytes = body->bytes,
                                       .content_encoding = body->content_encoding,
                                       .channel =
                                           body->channel.len ? body->channel : TEXT("default"),
                                       .retry_ms = -1};
    struct decoder decoder = {.hub = hub, .body = &whole, .frames = ret_frame, .error = error};
    json_t *json = NULL;
    int r = check_coding(&decoder);
    if (r == 0)
        r = json_text_load(body->bytes, &json, error);
    if (r != 0)
        return r;
    struct event event = {.retry_ms = -1};
    const json_t *message = json_object_get(json, "message");
    if (!json_is_object(json))
        r = refuse(&decoder, 400, "the body is not a JSON object");
    else if (!message)
        r = refuse(&decoder, 400, "message is missing");
    else if (!json_is_string(message))
        r = refuse(&decoder, 400, "message is not a string");
    else {
        event.data = (struct text){json_string_value(message), json_string_length(message)};
        r = add_event(&decoder, &event, false);
    }
    json_decref(json);
    return r;
}
