/* SPDX-License-Identifier: MIT */
/*
 * JSON of the administration: see admin_json.h.
 *
 * Written straight into a stream of memory: a page of 1,000 entries as jansson's values would hold
 * an acceptor up for 3 ms. Texts are UTF-8, as the engine has checked, or our own.
 */
#include "net/handlers/admin_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/subscriber_id.h"
#include "net/access/address.h"

/* What is being written; `out` NULL: there was no memory for it. */
struct json {
    FILE *out;
    char *text;
    size_t size;
};

static bool json_begin(struct json *json)
{
    *json = (struct json){.text = NULL};
    json->out = open_memstream(&json->text, &json->size);
    return json->out != NULL;
}

/* The text, for the caller to free; NULL: out of memory. */
static char *json_end(struct json *json)
{
    bool failed = ferror(json->out);
    if (fclose(json->out) == 0 && !failed)
        return json->text;
    free(json->text);
    return NULL;
}

static void put(FILE *out, struct text text)
{
    fwrite_unlocked(text.at, 1, text.len, out);
}

/* With its quotes. Controls cannot be in a channel's name; they are escaped all the same. */
static void put_string(FILE *out, struct text text)
{
    size_t from = 0;
    putc_unlocked('"', out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte != '"' && byte != '\\' && byte >= ' ')
            continue;
        put(out, (struct text){text.at + from, i - from});
        fprintf(out, byte < ' ' ? "\\u%04x" : "\\%c", byte);
        from = i + 1;
    }
    put(out, (struct text){text.at + from, text.len - from});
    putc_unlocked('"', out);
}

static void put_id(FILE *out, const struct ids *ids, uint64_t sequence)
{
    char id[ID_LEN];
    if (sequence == 0) {
        put(out, TEXT("null"));
        return;
    }
    id_format(id, ids, sequence);
    put_string(out, (struct text){id, sizeof(id)});
}

/* Ends a list; `next` is what the next page begins behind. */
static char *end_page(struct json *json, bool more, struct text next)
{
    put(json->out, TEXT("]"));
    if (more) {
        put(json->out, TEXT(", \"next\": "));
        put_string(json->out, next);
    }
    put(json->out, TEXT("}"));
    return json_end(json);
}

/* --- channels ------------------------------------------------------------------------------ */

static void put_channel(FILE *out, const struct ids *ids, const struct control_channel *channel)
{
    put(out, TEXT("{\"name\": "));
    put_string(out, (struct text){channel->name, channel->name_len});
    fprintf(out,
            ", \"subscribers\": %" PRIu64 ", \"events\": %" PRIu64 ", \"bytes\": %" PRIu64
            ", \"last_id\": ",
            channel->subscribers, channel->events, channel->bytes);
    put_id(out, ids, channel->last);
    put(out, channel->ended ? TEXT(", \"ended\": true}") : TEXT(", \"ended\": false}"));
}

char *admin_json_channels(const struct ids *ids, struct control *control)
{
    struct control_channel channel = {.name_len = 0};
    struct json json;
    if (!json_begin(&json))
        return NULL;
    put(json.out, TEXT("{\"channels\": ["));
    for (bool first = true; control_next_channel(control, &channel); first = false) {
        put(json.out, first ? TEXT("") : TEXT(", "));
        put_channel(json.out, ids, &channel);
    }
    return end_page(&json, control->more, (struct text){channel.name, channel.name_len});
}

char *admin_json_channel(const struct ids *ids, struct control *control)
{
    struct control_channel channel;
    struct json json;
    if (!control_next_channel(control, &channel) || !json_begin(&json))
        return NULL;
    put_channel(json.out, ids, &channel);
    return json_end(&json);
}

/* --- subscribers --------------------------------------------------------------------------- */

/* Who it is, as net has given it to the engine. */
static void put_address(FILE *out, const struct control_subscriber *subscriber)
{
    struct address address = {.family = ADDRESS_NONE};
    char text[ADDRESS_TEXT_ROOM];
    static_assert(sizeof(address) <= PEER_BYTES_MAX, "it is kept whole");
    if (subscriber->peer_len == sizeof(address))
        memcpy(&address, subscriber->peer, sizeof(address));
    address_write(&address, text);
    put_string(out, text_of(text));
}

static void put_subscriber(FILE *out, const struct control_subscriber *subscriber)
{
    char id[SUBSCRIBER_ID_LEN];
    subscriber_id_format(id, subscriber->id);
    put(out, TEXT("{\"id\": "));
    put_string(out, (struct text){id, sizeof(id)});
    put(out, TEXT(", \"channels\": ["));
    for (uint32_t i = 0; i < subscriber->name_count; i++) {
        put(out, i ? TEXT(", ") : TEXT(""));
        put_string(out, subscriber->names[i]);
    }
    fprintf(out, "], \"channel_count\": %" PRIu32 ", \"address\": ", subscriber->channel_count);
    put_address(out, subscriber);
    fprintf(out, ", \"behind\": %" PRIu64 ", \"slow\": %s, \"age_s\": %" PRIu32 "}",
            subscriber->behind, subscriber->is_slow ? "true" : "false",
            subscriber->joined_ms / 1000);
}

char *admin_json_subscribers(struct control *control)
{
    struct control_subscriber subscriber = {.id = 0};
    char next[SUBSCRIBER_ID_LEN];
    struct json json;
    if (!json_begin(&json))
        return NULL;
    put(json.out, TEXT("{\"subscribers\": ["));
    for (bool first = true; control_next_subscriber(control, &subscriber); first = false) {
        put(json.out, first ? TEXT("") : TEXT(", "));
        put_subscriber(json.out, &subscriber);
    }
    subscriber_id_format(next, subscriber.id);
    return end_page(&json, control->more, (struct text){next, sizeof(next)});
}

char *admin_json_subscriber(struct control *control)
{
    struct control_subscriber subscriber;
    struct json json;
    if (!control_next_subscriber(control, &subscriber) || !json_begin(&json))
        return NULL;
    put_subscriber(json.out, &subscriber);
    return json_end(&json);
}

char *admin_json_explanation(const struct ids *ids, const struct explanation *explanation)
{
    static const char *const delivered[] = {
        [DELIVERED_NO] = "false", [DELIVERED_YES] = "true", [DELIVERED_UNKNOWN] = "null"};
    char last[ID_LEN], text[EXPLANATION_TEXT_ROOM];
    struct json json;
    if (explanation->cursor)
        id_format(last, ids, explanation->cursor);
    size_t len = explanation_write(
        explanation, (struct text){last, explanation->cursor ? sizeof(last) : 0}, text);
    if (!json_begin(&json))
        return NULL;
    fprintf(json.out,
            "{\"delivered\": %s, \"reason\": \"%s\", \"text\": ", delivered[explanation->delivered],
            explain_reason_text(explanation->reason));
    put_string(json.out, (struct text){text, len});
    put(json.out, TEXT("}"));
    return json_end(&json);
}
