/* SPDX-License-Identifier: MIT */
/* One reader a content type, and one place, take, where what they find is checked: see the header.
 */
#include "net/handlers/subscribe_body.h"

#include <errno.h>
#include <sys/random.h>

#include "engine/frame.h"
#include "net/http/bytes.h"
#include "net/http/media_type.h"
#include "net/http/percent.h"

/* One body being read. */
struct reading {
    struct subscribe_body *body;
    struct route *route;
    unsigned seen; /* a bit for each enum route_parameter */
    char *error;
};

static int refuse(struct reading *reading, int status, const char *sentence)
{
    snprintf(reading->error, JSON_ERROR_BYTES, "%s", sentence);
    return status;
}

/* --- channels ------------------------------------------------------------------------------ */

/* So many are compared one by one; then they are hashed, with a key that nobody knows, or a body of
 * many names would take a time that grows with their square. */
#define COMPARED_MAX 64

/* Where a channel is, or would be: its place in `places`. */
static uint16_t *find_place(struct subscribe_body *body, struct text channel)
{
    size_t count = sizeof(body->places) / sizeof(body->places[0]);
    size_t at = (size_t)(hash_text(&body->key, channel) % count);
    while (body->places[at] && !text_equals(body->channels[body->places[at] - 1], channel))
        at = (at + 1) % count;
    return &body->places[at];
}

static void hash_all(struct subscribe_body *body)
{
    CHECK(getrandom(&body->key, sizeof(body->key), 0) == sizeof(body->key));
    memset(body->places, 0, sizeof(body->places));
    for (unsigned i = 0; i < body->channel_count; i++)
        *find_place(body, body->channels[i]) = (uint16_t)(i + 1);
}

static bool has_channel(struct subscribe_body *body, struct text channel)
{
    if (body->channel_count >= COMPARED_MAX)
        return *find_place(body, channel) != 0;
    for (unsigned i = 0; i < body->channel_count; i++)
        if (text_equals(body->channels[i], channel))
            return true;
    return false;
}

int subscribe_body_add(struct subscribe_body *body, struct text channel,
                       char error[JSON_ERROR_BYTES])
{
    if (has_channel(body, channel))
        return 0;
    if (body->channel_count == body->channels_most) {
        snprintf(error, JSON_ERROR_BYTES, "more than %u channels are given", body->channels_most);
        return 400;
    }
    body->channels[body->channel_count++] = channel;
    if (body->channel_count == COMPARED_MAX)
        hash_all(body);
    else if (body->channel_count > COMPARED_MAX)
        *find_place(body, channel) = (uint16_t)body->channel_count;
    return 0;
}

static int add_channel(struct reading *reading, struct text channel)
{
    enum frame_fault fault = frame_check_channel(channel);
    return fault != FRAME_OK ? refuse(reading, 400, frame_fault_text(fault))
                             : subscribe_body_add(reading->body, channel, reading->error);
}

/* --- values -------------------------------------------------------------------------------- */

/* The row of a name; NULL: it is ignored. A token is no part of what is asked. */
static const struct route_parameter_row *find(const struct reading *reading, struct text name)
{
    unsigned mask = reading->route->row->parameters & ~(1u << PARAMETER_TOKEN);
    return route_parameter_find(mask, name);
}

static int take(struct reading *reading, const struct route_parameter_row *row, struct text value)
{
    if (row->parameter == PARAMETER_CHANNEL)
        return add_channel(reading, value);
    if (reading->seen & 1u << row->parameter)
        return refuse(reading, 400, row->twice);
    reading->seen |= 1u << row->parameter;
    if (!route_take(reading->route, row->parameter, value))
        return refuse(reading, reading->route->status, reading->route->sentence);
    return 0;
}

/* --- form ---------------------------------------------------------------------------------- */

/* Cuts off what comes before the first `separator`; the rest is what comes behind it. */
static struct text cut(struct text *rest, char separator)
{
    const char *at = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    struct text part = {rest->at, at ? (size_t)(at - rest->at) : rest->len};
    size_t used = part.len + (at != NULL);
    *rest = (struct text){rest->at + used, rest->len - used};
    return part;
}

static int read_form(struct reading *reading, struct text bytes)
{
    char *out = malloc(bytes.len + 1);
    if (!out)
        return -ENOMEM;
    reading->body->form = out;
    int r = 0;
    while (bytes.len > 0 && r == 0) {
        struct text value = cut(&bytes, '&');
        struct text name = cut(&value, '=');
        struct text decoded_name = {out, percent_decode_form(name, out)};
        out += name.len;
        struct text decoded = {out, percent_decode_form(value, out)};
        out += value.len;
        const struct route_parameter_row *row = find(reading, decoded_name);
        if (row)
            r = take(reading, row, decoded);
    }
    return r;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static int read_channels(struct reading *reading, const json_t *list)
{
    int r = json_is_array(list) ? 0 : refuse(reading, 400, "channels is not a list of strings");
    for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
        const json_t *name = json_array_get(list, i);
        r = json_is_string(name) ? add_channel(reading, (struct text){json_string_value(name),
                                                                      json_string_length(name)})
                                 : refuse(reading, 400, "channels is not a list of strings");
    }
    return r;
}

/* A member, as the text that it would be in a query. */
static int read_member(struct reading *reading, const struct route_parameter_row *row,
                       const json_t *value)
{
    char number[32];
    struct text text = {number, 0};
    if (json_is_null(value))
        return 0;
    if (json_is_string(value)) {
        text = (struct text){json_string_value(value), json_string_length(value)};
    } else if (json_is_integer(value)) {
        text.len =
            (size_t)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? TEXT("yes") : TEXT("no");
    } else {
        snprintf(reading->error, JSON_ERROR_BYTES, "%s is neither a string nor an integer",
                 row->name);
        return 400;
    }
    bool is_kept = row->parameter == PARAMETER_RESUME || row->parameter == PARAMETER_CHANNEL;
    if (is_kept && !json_is_string(value)) {
        snprintf(reading->error, JSON_ERROR_BYTES, "%s is not a string", row->name);
        return 400;
    }
    return take(reading, row, text);
}

static int read_json(struct reading *reading, struct text bytes)
{
    int r = json_text_load(bytes, &reading->body->json, reading->error);
    if (r != 0)
        return r;
    json_t *object = reading->body->json;
    if (!json_is_object(object))
        return refuse(reading, 400, "the body is not a JSON object");
    for (void *at = json_object_iter(object); at && r == 0;
         at = json_object_iter_next(object, at)) {
        struct text name = text_of(json_object_iter_key(at));
        const json_t *value = json_object_iter_value(at);
        const struct route_parameter_row *row = find(reading, name);
        if (text_equals(name, TEXT("channels")))
            r = read_channels(reading, value);
        else if (row)
            r = read_member(reading, row, value);
    }
    return r;
}

/* --- content types ------------------------------------------------------------------------- */

int subscribe_body_read(struct subscribe_body *body, const struct subscribe_text *text,
                        struct route *route, char error[JSON_ERROR_BYTES])
{
    body->channel_count = 0;
    body->channels_most = route->channels_most;
    body->json = NULL;
    body->form = NULL;
    struct reading reading = {.body = body, .route = route, .error = error};
    struct text coding = text->content_encoding, rest = text->content_type;
    struct text name = media_type_next(&rest);
    if (text->bytes.len == 0)
        return 0;
    if (coding.len > 0 && !http_equals_nocase(coding, "identity"))
        return refuse(&reading, 415,
                      "a Content-Encoding is not understood here: send the body as it is");
    if (!media_type_is_utf_8(rest))
        return refuse(&reading, 415, "the body's charset is not utf-8");
    if (http_equals_nocase(name, "application/x-www-form-urlencoded"))
        return read_form(&reading, text->bytes);
    if (http_equals_nocase(name, "application/json"))
        return read_json(&reading, text->bytes);
    return refuse(&reading, 415,
                  "the content type is neither application/json nor "
                  "application/x-www-form-urlencoded");
}

void subscribe_body_deinit(struct subscribe_body *body)
{
    json_decref(body->json);
    free(body->form);
    body->json = NULL;
    body->form = NULL;
}
