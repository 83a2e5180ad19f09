/* SPDX-License-Identifier: MIT */
/* A stack of messages that many push and one empties: see mailbox.h for the memory order. */
#include "engine/base/mailbox.h"

void mailbox_init(struct mailbox *mailbox)
{
    atomic_init(&mailbox->newest, NULL);
}

bool mailbox_post(struct mailbox *mailbox, struct message *message)
{
    struct message *below = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
    do {
        message->next = below;
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &below, message,
                                                    memory_order_release, memory_order_relaxed));
    return below == NULL;
}

struct message *mailbox_take(struct mailbox *mailbox)
{
    if (mailbox_is_empty(mailbox))
        return NULL;
    struct message *newest = atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire);
    struct message *oldest = NULL;
    while (newest) {
        struct message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool mailbox_is_empty(const struct mailbox *mailbox)
{
    return !atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
}
