/* SPDX-License-Identifier: MIT */
/*
 * JSON of the administration: see admin_json.h.
 *
 * Written straight into memory that grows: a page of 1,000 entries as jansson's values would hold
 * an acceptor up for 3 ms, through stdio's formats for 1 ms. Texts are UTF-8, as the engine has
 * checked, or our own.
 */
#include "net/handlers/admin_json.h"

#include "engine/base/builder.h"
#include "engine/subscriber_id.h"
#include "net/access/address.h"

#define JSON_BYTES_MIN  1024 /* one entry, as a rule; a page doubles it a few times */
#define DECIMAL_LEN_MAX 20

/* What is being written; without memory for a piece of it, it is thrown away at its end. */
struct json {
    struct builder text;
    bool failed;
};

static size_t put_bytes(const struct json *json)
{
    return (size_t)(json->text.at - json->text.begin);
}

static bool grow(struct json *json, size_t len)
{
    size_t used = put_bytes(json);
    size_t size = 2 * (size_t)(json->text.end - json->text.begin);
    if (size < used + len)
        size = used + len + JSON_BYTES_MIN;
    char *grown = json->failed ? NULL : realloc(json->text.begin, size);
    if (!grown) {
        json->failed = true;
        return false;
    }
    json->text = builder_of(grown, size);
    json->text.at += used;
    return true;
}

static inline bool has_room(struct json *json, size_t len)
{
    return len <= (size_t)(json->text.end - json->text.at) || grow(json, len);
}

static inline void put(struct json *json, struct text text)
{
    if (has_room(json, text.len))
        builder_put(&json->text, text);
}

/* The text, for the caller to free; NULL: out of memory. */
static char *json_end(struct json *json)
{
    put(json, (struct text){"", 1}); /* it ends in NUL */
    if (!json->failed)
        return json->text.begin;
    free(json->text.begin);
    return NULL;
}

static void put_number(struct json *json, uint64_t number)
{
    if (has_room(json, DECIMAL_LEN_MAX))
        builder_put_decimal(&json->text, number);
}

static void put_flag(struct json *json, bool flag)
{
    put(json, flag ? TEXT("true") : TEXT("false"));
}

/* Whether a byte stands for itself in a string. */
static inline bool is_plain(unsigned char byte)
{
    return byte != '"' && byte != '\\' && byte >= ' ';
}

static void put_escaped(struct json *json, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    char control[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    char sign[] = {'\\', (char)byte};
    put(json,
        byte < ' ' ? (struct text){control, sizeof(control)} : (struct text){sign, sizeof(sign)});
}

/* With its quotes. Controls cannot be in a channel's name; they are escaped all the same. */
static void put_string(struct json *json, struct text text)
{
    put(json, TEXT("\""));
    for (size_t from = 0, i = 0; from < text.len; from = ++i) {
        while (i < text.len && is_plain((unsigned char)text.at[i]))
            i++;
        put(json, (struct text){text.at + from, i - from});
        if (i < text.len)
            put_escaped(json, (unsigned char)text.at[i]);
    }
    put(json, TEXT("\""));
}

/* Of an id, which has nothing to escape. */
static void put_plain(struct json *json, struct text text)
{
    put(json, TEXT("\""));
    put(json, text);
    put(json, TEXT("\""));
}

static void put_id(struct json *json, const struct ids *ids, uint64_t sequence)
{
    char id[ID_LEN];
    if (sequence == 0) {
        put(json, TEXT("null"));
        return;
    }
    id_format(id, ids, sequence);
    put_plain(json, (struct text){id, sizeof(id)});
}

/* Ends a list; `next` is what the next page begins behind. */
static char *end_page(struct json *json, bool more, struct text next)
{
    put(json, TEXT("]"));
    if (more) {
        put(json, TEXT(", \"next\": "));
        put_string(json, next);
    }
    put(json, TEXT("}"));
    return json_end(json);
}

/* --- channels ------------------------------------------------------------------------------ */

static void put_channel(struct json *json, const struct ids *ids,
                        const struct control_channel *channel)
{
    put(json, TEXT("{\"name\": "));
    put_string(json, (struct text){channel->name, channel->name_len});
    put(json, TEXT(", \"subscribers\": "));
    put_number(json, channel->subscribers);
    put(json, TEXT(", \"events\": "));
    put_number(json, channel->events);
    put(json, TEXT(", \"bytes\": "));
    put_number(json, channel->bytes);
    put(json, TEXT(", \"last_id\": "));
    put_id(json, ids, channel->last);
    put(json, TEXT(", \"ended\": "));
    put_flag(json, channel->ended);
    put(json, TEXT("}"));
}

char *admin_json_channels(const struct ids *ids, struct control *control)
{
    struct control_channel channel = {.name_len = 0};
    struct json json = {.failed = false};
    put(&json, TEXT("{\"channels\": ["));
    for (bool first = true; control_next_channel(control, &channel); first = false) {
        put(&json, first ? TEXT("") : TEXT(", "));
        put_channel(&json, ids, &channel);
    }
    return end_page(&json, control->more, (struct text){channel.name, channel.name_len});
}

char *admin_json_channel(const struct ids *ids, struct control *control)
{
    struct control_channel channel;
    struct json json = {.failed = false};
    if (!control_next_channel(control, &channel))
        return NULL;
    put_channel(&json, ids, &channel);
    return json_end(&json);
}

/* --- subscribers --------------------------------------------------------------------------- */

/* Who it is, as net has given it to the engine. */
static void put_address(struct json *json, const struct control_subscriber *subscriber)
{
    struct address address = {.family = ADDRESS_NONE};
    char text[ADDRESS_TEXT_ROOM];
    static_assert(sizeof(address) <= PEER_BYTES_MAX, "it is kept whole");
    if (subscriber->peer_len == sizeof(address))
        memcpy(&address, subscriber->peer, sizeof(address));
    address_write(&address, text);
    put_string(json, text_of(text));
}

static void put_subscriber(struct json *json, const struct control_subscriber *subscriber)
{
    char id[SUBSCRIBER_ID_LEN];
    subscriber_id_format(id, subscriber->id);
    put(json, TEXT("{\"id\": "));
    put_plain(json, (struct text){id, sizeof(id)});
    put(json, TEXT(", \"channels\": ["));
    for (uint32_t i = 0; i < subscriber->name_count; i++) {
        put(json, i ? TEXT(", ") : TEXT(""));
        put_string(json, subscriber->names[i]);
    }
    put(json, TEXT("], \"channel_count\": "));
    put_number(json, subscriber->channel_count);
    put(json, TEXT(", \"address\": "));
    put_address(json, subscriber);
    put(json, TEXT(", \"behind\": "));
    put_number(json, subscriber->behind);
    put(json, TEXT(", \"slow\": "));
    put_flag(json, subscriber->is_slow);
    put(json, TEXT(", \"age_s\": "));
    put_number(json, subscriber->joined_ms / 1000);
    put(json, TEXT("}"));
}

char *admin_json_subscribers(struct control *control)
{
    struct control_subscriber subscriber = {.id = 0};
    char next[SUBSCRIBER_ID_LEN];
    struct json json = {.failed = false};
    put(&json, TEXT("{\"subscribers\": ["));
    for (bool first = true; control_next_subscriber(control, &subscriber); first = false) {
        put(&json, first ? TEXT("") : TEXT(", "));
        put_subscriber(&json, &subscriber);
    }
    subscriber_id_format(next, subscriber.id);
    return end_page(&json, control->more, (struct text){next, sizeof(next)});
}

char *admin_json_subscriber(struct control *control)
{
    struct control_subscriber subscriber;
    struct json json = {.failed = false};
    if (!control_next_subscriber(control, &subscriber))
        return NULL;
    put_subscriber(&json, &subscriber);
    return json_end(&json);
}

char *admin_json_explanation(const struct ids *ids, const struct explanation *explanation)
{
    static const char *const delivered[] = {
        [DELIVERED_NO] = "false", [DELIVERED_YES] = "true", [DELIVERED_UNKNOWN] = "null"};
    char last[ID_LEN], text[EXPLANATION_TEXT_ROOM];
    struct json json = {.failed = false};
    if (explanation->cursor)
        id_format(last, ids, explanation->cursor);
    size_t len = explanation_write(
        explanation, (struct text){last, explanation->cursor ? sizeof(last) : 0}, text);
    put(&json, TEXT("{\"delivered\": "));
    put(&json, text_of(delivered[explanation->delivered]));
    put(&json, TEXT(", \"reason\": "));
    put_string(&json, text_of(explain_reason_text(explanation->reason)));
    put(&json, TEXT(", \"text\": "));
    put_string(&json, (struct text){text, len});
    put(&json, TEXT("}"));
    return json_end(&json);
}
