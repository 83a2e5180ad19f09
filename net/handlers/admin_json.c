/* SPDX-License-Identifier: MIT */
/* JSON of the administration: see admin_json.h. */
#include "net/handlers/admin_json.h"

#include <jansson.h>

#include "engine/subscriber_id.h"
#include "net/access/address.h"

/* NULL is passed on. */
static char *dump(json_t *json)
{
    char *text = json ? json_dumps(json, 0) : NULL;
    json_decref(json);
    return text;
}

static json_t *id_of(const struct ids *ids, uint64_t sequence)
{
    char id[ID_LEN];
    if (sequence == 0)
        return json_null();
    id_format(id, ids, sequence);
    return json_stringn(id, sizeof(id));
}

static json_t *channel_of(const struct ids *ids, const struct control_channel *channel)
{
    return json_pack("{s:s%,s:I,s:I,s:I,s:o,s:b}", "name", channel->name, (size_t)channel->name_len,
                     "subscribers", (json_int_t)channel->subscribers, "events",
                     (json_int_t)channel->events, "bytes", (json_int_t)channel->bytes, "last_id",
                     id_of(ids, channel->last), "ended", (int)channel->ended);
}

/* Takes the list over. `next` is what the next page begins behind. */
static char *page(const char *member, json_t *list, bool more, struct text next)
{
    json_t *object = list ? json_pack("{s:o}", member, list) : NULL;
    if (object && more && json_object_set_new(object, "next", json_stringn(next.at, next.len)))
        object = (json_decref(object), NULL);
    return dump(object);
}

char *admin_json_channels(const struct ids *ids, struct control *control)
{
    struct control_channel channel = {.name_len = 0};
    json_t *list = json_array();
    while (list && control_next_channel(control, &channel))
        if (json_array_append_new(list, channel_of(ids, &channel)))
            list = (json_decref(list), NULL);
    return page("channels", list, control->more, (struct text){channel.name, channel.name_len});
}

char *admin_json_channel(const struct ids *ids, struct control *control)
{
    struct control_channel channel;
    return control_next_channel(control, &channel) ? dump(channel_of(ids, &channel)) : NULL;
}

/* --- subscribers --------------------------------------------------------------------------- */

/* Who it is, as net has given it to the engine. */
static json_t *address_of(const struct control_subscriber *subscriber)
{
    struct address address = {.family = ADDRESS_NONE};
    char text[ADDRESS_TEXT_ROOM];
    static_assert(sizeof(address) <= PEER_BYTES_MAX, "it is kept whole");
    if (subscriber->peer_len == sizeof(address))
        memcpy(&address, subscriber->peer, sizeof(address));
    address_write(&address, text);
    return json_string(text);
}

static json_t *names_of(const struct control_subscriber *subscriber)
{
    json_t *names = json_array();
    for (uint32_t i = 0; i < subscriber->name_count && names; i++) {
        struct text name = subscriber->names[i];
        if (json_array_append_new(names, json_stringn(name.at, name.len)))
            names = (json_decref(names), NULL);
    }
    return names;
}

static json_t *subscriber_of(const struct control_subscriber *subscriber)
{
    char id[SUBSCRIBER_ID_LEN];
    subscriber_id_format(id, subscriber->id);
    json_t *object = json_pack(
        "{s:s%,s:o,s:I,s:o,s:I,s:b,s:I}", "id", id, sizeof(id), "channels", names_of(subscriber),
        "channel_count", (json_int_t)subscriber->channel_count, "address", address_of(subscriber),
        "behind", (json_int_t)subscriber->behind, "slow", (int)subscriber->is_slow, "age_s",
        (json_int_t)(subscriber->joined_ms / 1000));
    return object;
}

char *admin_json_subscribers(struct control *control)
{
    struct control_subscriber subscriber = {.id = 0};
    char next[SUBSCRIBER_ID_LEN];
    json_t *list = json_array();
    while (list && control_next_subscriber(control, &subscriber))
        if (json_array_append_new(list, subscriber_of(&subscriber)))
            list = (json_decref(list), NULL);
    subscriber_id_format(next, subscriber.id);
    return page("subscribers", list, control->more, (struct text){next, sizeof(next)});
}

char *admin_json_subscriber(struct control *control)
{
    struct control_subscriber subscriber;
    return control_next_subscriber(control, &subscriber) ? dump(subscriber_of(&subscriber)) : NULL;
}

char *admin_json_explanation(const struct ids *ids, const struct explanation *explanation)
{
    char last[ID_LEN], text[EXPLANATION_TEXT_ROOM];
    if (explanation->cursor)
        id_format(last, ids, explanation->cursor);
    size_t len = explanation_write(
        explanation, (struct text){last, explanation->cursor ? sizeof(last) : 0}, text);
    json_t *delivered = explanation->delivered == DELIVERED_UNKNOWN
                            ? json_null()
                            : json_boolean(explanation->delivered == DELIVERED_YES);
    return dump(json_pack("{s:o,s:s,s:s%}", "delivered", delivered, "reason",
                          explain_reason_text(explanation->reason), "text", text, len));
}
