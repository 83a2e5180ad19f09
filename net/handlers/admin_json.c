/* SPDX-License-Identifier: MIT */
/* JSON of the administration: see admin_json.h. */
#include "net/handlers/admin_json.h"

#include <jansson.h>

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
