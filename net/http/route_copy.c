/* SPDX-License-Identifier: MIT */
/* Copies of routes, whose texts lie in themselves: see route_copy.h. */
#include "net/http/route_copy.h"

#include <stdalign.h>

/* A copy's channels lie behind its text. */
static size_t text_bytes(size_t scratch_len)
{
    const size_t align = alignof(struct text);
    return (offsetof(struct route, scratch) + scratch_len + align - 1) / align * align;
}

size_t route_bytes(const struct route *route)
{
    return text_bytes(route->scratch_len) + route->channel_count * sizeof(struct text);
}

/* A text of `route` that lies in its scratch room, in that of the copy; the others are static. */
static struct text text_in_copy(const struct route *route, const struct route *copy,
                                struct text text)
{
    if (text.at >= route->scratch && text.at <= route->scratch + route->scratch_len)
        text.at = copy->scratch + (text.at - route->scratch);
    return text;
}

/* With so much more scratch room than it needs, and room for so many channels. */
static struct route *copy_with_room(const struct route *route, size_t more, unsigned channels)
{
    size_t before = text_bytes(route->scratch_len + more);
    struct route *copy = malloc(before + channels * sizeof(struct text));
    if (!copy)
        return NULL;
    memcpy(copy, route, offsetof(struct route, scratch) + route->scratch_len);
    copy->channels = (struct text *)(void *)((char *)copy + before);
    copy->resume = text_in_copy(route, copy, route->resume);
    copy->event = text_in_copy(route, copy, route->event);
    copy->id = text_in_copy(route, copy, route->id);
    copy->token = text_in_copy(route, copy, route->token);
    copy->subscriber = text_in_copy(route, copy, route->subscriber);
    copy->after = text_in_copy(route, copy, route->after);
    if (route->sentence == route->unknown)
        copy->sentence = copy->unknown;
    return copy;
}

struct route *route_copy(const struct route *route)
{
    struct route *copy = copy_with_room(route, 0, route->channel_count);
    for (unsigned i = 0; copy && i < route->channel_count; i++)
        copy->channels[i] = text_in_copy(route, copy, route->channels[i]);
    return copy;
}

struct route *route_copy_with(const struct route *route, const struct text *channels,
                              unsigned count)
{
    size_t added = 0;
    for (unsigned i = 0; i < count; i++)
        added += channels[i].len;
    struct route *copy = copy_with_room(route, added, count);
    if (!copy)
        return NULL;
    char *at = copy->scratch + copy->scratch_len;
    for (unsigned i = 0; i < count; i++) {
        memcpy(at, channels[i].at, channels[i].len);
        copy->channels[i] = (struct text){at, channels[i].len};
        at += channels[i].len;
    }
    copy->channel_count = count;
    copy->scratch_len += added;
    return copy;
}
