/* SPDX-License-Identifier: MIT */
/*
 * An intrusive circular list: queues of connections, and of what the program is to be told.
 *
 * A list is a link of its own that stands at both its ends; an element embeds one link per list it
 * may be in. A link that is in no list has next NULL, so removing twice is harmless and "is it
 * queued" is one look. Nothing is allocated, every operation is O(1), and a list belongs to one
 * thread at a time: to the acceptor that holds it, or to who has its lock. It does not count its
 * elements and does not own them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *previous;
    struct link *next;
};

/* The struct that embeds this link. */
#define LINK_OWNER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct link *list)
{
    list->previous = list;
    list->next = list;
}

static inline bool list_is_empty(const struct link *list)
{
    return list->next == list;
}

static inline bool link_is_listed(const struct link *link)
{
    return link->next != NULL;
}

static inline void list_add(struct link *list, struct link *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void list_remove(struct link *link)
{
    if (!link->next)
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->previous = NULL;
    link->next = NULL;
}
