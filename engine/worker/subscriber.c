/* SPDX-License-Identifier: MIT */
/* Subscriber records: from the free list into their channels, and out again. See subscriber.h. */
#include "engine/worker/subscriber.h"

#include <errno.h>

#include "engine/closes.h"
#include "engine/mutation.h"
#include "engine/worker/dirty.h"
#include "engine/worker/group.h"
#include "engine/worker/identity.h"
#include "engine/worker/private.h"
#include "engine/worker/release.h"

#define NO_RECORD UINT32_MAX

/* Flags that belong to the index, not to the subscriber: lists may still name it. */
#define FLAGS_OF_INDEX (SUBSCRIBER_LISTED | SUBSCRIBER_QUEUED)

struct subscriber *subscriber_new(struct worker *worker)
{
    uint32_t index = worker->records.free;
    if (index != NO_RECORD)
        worker->records.free = worker->subscribers[index].position;
    else if (worker->records.used < worker->options->sockets)
        index = worker->records.used++;
    else
        return NULL;
    struct subscriber *subscriber = &worker->subscribers[index];
    DCHECK(subscriber->state == SUBSCRIBER_FREE);
    *subscriber = (struct subscriber){.flags = subscriber->flags & FLAGS_OF_INDEX, .handle = -1};
    return subscriber;
}

void subscriber_release(struct worker *worker, struct subscriber *subscriber)
{
    subscriber->state = SUBSCRIBER_FREE;
    subscriber->flags &= FLAGS_OF_INDEX;
    subscriber->position = worker->records.free;
    worker->records.free = subscriber_index(worker, subscriber);
}

struct membership *subscriber_memberships(struct subscriber *subscriber, struct membership *single,
                                          uint32_t *ret_count)
{
    if (subscriber->flags & SUBSCRIBER_MANY) {
        *ret_count = subscriber->set->count;
        return subscriber->set->items;
    }
    *single = (struct membership){.channel = subscriber->channel, .position = subscriber->position};
    *ret_count = 1;
    return single;
}

/* No item: the end of a list. */
#define NO_ITEM UINT16_MAX
static_assert(SUBSCRIBER_CHANNELS_MAX < NO_ITEM, "items have numbers of 16 bits");

void channel_set_fill(struct channel_set *set, struct channel *const *channels, uint32_t count)
{
    *set = (struct channel_set){.count = count};
    for (uint32_t i = 0; i < count; i++)
        set->items[i] = (struct membership){.channel = channels[i], .first = NO_ITEM};
    for (uint32_t i = 0; i < count; i++) {
        struct membership *list = &set->items[channels[i]->hash % count];
        set->items[i].next = list->first;
        list->first = (uint16_t)i;
    }
}

struct membership *membership_of(struct channel_set *set, const struct channel *channel)
{
    struct membership *membership = &set->items[set->items[channel->hash % set->count].first];
    while (membership->channel != channel)
        membership = &set->items[membership->next];
    return membership;
}

bool subscriber_listens(const struct subscriber *subscriber, const struct channel *channel,
                        struct membership *ret_membership)
{
    if (!(subscriber->flags & SUBSCRIBER_MANY)) {
        *ret_membership = (struct membership){.channel = subscriber->channel};
        return subscriber->channel == channel;
    }
    const struct channel_set *set = subscriber->set;
    uint16_t at = set->items[channel->hash % set->count].first;
    while (at != NO_ITEM && set->items[at].channel != channel)
        at = set->items[at].next;
    if (at == NO_ITEM)
        return false;
    *ret_membership = set->items[at];
    return true;
}

/* Each channel that somebody leaves moves somebody else, who may have as many. */
static void on_moved(void *context, struct channel *channel, uint32_t index, uint32_t position)
{
    struct worker *worker = context;
    struct subscriber *subscriber = &worker->subscribers[index];
    if (subscriber->flags & SUBSCRIBER_MANY)
        membership_of(subscriber->set, channel)->position = position;
    else
        subscriber->position = position;
}

static size_t set_memory(unsigned count)
{
    return heap_bytes(sizeof(struct channel_set) + count * sizeof(struct membership));
}

/* Leaves the first `count` of its channels. A channel that is empty now, or was held, is swept,
 * which drops or frees it. */
static void leave(struct worker *worker, struct subscriber *subscriber, uint32_t count)
{
    struct membership single;
    uint32_t all;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &all);
    for (uint32_t i = 0; i < count; i++) {
        struct channel *channel = memberships[i].channel;
        if (subscriber->state != SUBSCRIBER_CURRENT)
            channel->behind_count--;
        channel_remove_member(channel, memberships[i].position, on_moved, worker);
        worker->channels.listened -= channel->member_count == 0;
        if (channel->watched || channel->member_count == 0)
            dirty_add(worker, channel);
    }
    if (subscriber->flags & SUBSCRIBER_MANY) {
        worker->memory.subscriber_bytes -= set_memory(subscriber->set->count);
        free(subscriber->set);
    }
    subscriber->set = NULL;
    subscriber_clear(subscriber, SUBSCRIBER_MANY);
}

/* One more member; -ENOMEM leaves everything as it was. */
static int add_member(struct worker *worker, struct channel *channel, uint32_t index,
                      uint32_t *ret_position)
{
    size_t before = channel_members_memory(channel);
    int r = channel_add_member(channel, index, ret_position);
    if (r < 0)
        return r;
    worker->channels.memory += channel_members_memory(channel) - before;
    worker->channels.listened += channel->member_count == 1;
    channel->behind_count++;
    return 0;
}

int subscriber_join(struct worker *worker, struct subscriber *subscriber,
                    struct channel *const *channels, unsigned count)
{
    uint32_t index = subscriber_index(worker, subscriber);
    subscriber->state = SUBSCRIBER_BEHIND;
    if (count == 1) {
        int r = add_member(worker, channels[0], index, &subscriber->position);
        if (r == 0)
            subscriber->channel = channels[0];
        return r;
    }
    struct channel_set *set = malloc(sizeof(*set) + count * sizeof(set->items[0]));
    if (!set)
        return -ENOMEM;
    worker->memory.subscriber_bytes += set_memory(count);
    channel_set_fill(set, channels, count);
    subscriber->set = set;
    subscriber->flags |= SUBSCRIBER_MANY;
    for (unsigned i = 0; i < count; i++) {
        int r = add_member(worker, channels[i], index, &set->items[i].position);
        if (r < 0) {
            leave(worker, subscriber, i);
            return r;
        }
    }
    return 0;
}

void subscriber_set_state(struct worker *worker, struct subscriber *subscriber,
                          enum subscriber_state state)
{
    bool was_current = subscriber->state == SUBSCRIBER_CURRENT;
    bool is_current = state == SUBSCRIBER_CURRENT;
    subscriber->state = (uint8_t)state;
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    for (uint32_t i = 0; i < count; i++) {
        struct channel *channel = memberships[i].channel;
        if (was_current && !is_current)
            channel->behind_count++;
        if (!was_current && is_current)
            channel->behind_count--;
        if (channel->watched)
            dirty_add(worker, channel);
    }
    const struct channel *all = worker->channels.all;
    if (__builtin_expect(all && all->watched, 0))
        worker->all.due = true;
}

/* --- who catches up, and who lags ------------------------------------------------------------ */

void subscriber_queue(struct worker *worker, struct subscriber *subscriber)
{
    if (subscriber->flags & SUBSCRIBER_QUEUED)
        return;
    subscriber->flags |= SUBSCRIBER_QUEUED;
    uint32_t size = worker->options->sockets;
    uint32_t at = (worker->catch_up.first + worker->catch_up.count++) % size;
    worker->catch_up.ring[at] = subscriber_index(worker, subscriber);
}

void subscriber_block(struct worker *worker, struct subscriber *subscriber, bool took_any)
{
    if (!(subscriber->flags & SUBSCRIBER_LAGGING)) {
        subscriber->flags |= SUBSCRIBER_LAGGING;
        identity_lags(worker, subscriber_index(worker, subscriber));
        subscriber->window_ms = worker_ms(worker);
        subscriber->window_bytes = 0;
        subscriber->written_ms = worker_ms(worker); /* nobody asked it to take anything before */
        worker->lag.live++;
        COUNT(worker, subscribers_lagging, 1);
        if (!(subscriber->flags & SUBSCRIBER_LISTED)) {
            subscriber->flags |= SUBSCRIBER_LISTED;
            worker->lag.list[worker->lag.listed++] = subscriber_index(worker, subscriber);
        }
        uint32_t look_ms = worker->limits.slow_after_ms;
        uint32_t stuck_ms = worker->limits.write_timeout_ms;
        if (stuck_ms && stuck_ms < look_ms)
            look_ms = stuck_ms;
        if (stuck_ms && look_ms > 1000)
            look_ms = 1000; /* lag.c's beat */
        int64_t due = worker->now_ns + (int64_t)look_ms * 1000000;
        if (due < worker->lag.due_ns)
            worker->lag.due_ns = due;
        if (due < worker->lag.round_due_ns)
            worker->lag.round_due_ns = due;
    }
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BLOCKED);
    /* Refused although the kernel has just said writable: it is short of memory, not the socket of
     * room, and would say so again at once. The end of the window tries again. */
    bool promised = subscriber->flags & SUBSCRIBER_PROMISED;
    subscriber_clear(subscriber, SUBSCRIBER_PROMISED);
    if ((took_any || !promised) && !MUTATION(writable_unawaited))
        worker->io->operations->await_writable(worker->io, subscriber->handle);
}

void subscriber_caught_up(struct worker *worker, struct subscriber *subscriber)
{
    if (subscriber->flags & SUBSCRIBER_LAGGING) {
        worker->lag.live--;
        COUNT(worker, subscribers_lagging, -1);
    }
    if (subscriber->flags & SUBSCRIBER_SLOW) {
        worker->lag.slow--;
        COUNT(worker, subscribers_slow, -1);
    }
    subscriber_clear(subscriber, SUBSCRIBER_LAGGING | SUBSCRIBER_SLOW | SUBSCRIBER_STUCK);
}

/* --- its end --------------------------------------------------------------------------------- */

void subscriber_abandon(struct worker *worker, struct subscriber *subscriber)
{
    leave(worker, subscriber, subscriber->flags & SUBSCRIBER_MANY ? subscriber->set->count : 1);
    release_frame(worker, TAKE(subscriber->begun));
    if (worker->identities.of)
        identity_end(worker, subscriber_index(worker, subscriber));
    subscriber_release(worker, subscriber);
}

bool subscriber_is_ending(const struct worker *worker, const struct subscriber *subscriber)
{
    return worker->drain.under_way || subscriber->ending || subscriber_channels_ended(subscriber);
}

void subscriber_end(struct worker *worker, struct subscriber *subscriber, enum close_reason reason)
{
    if (!subscriber->ending || reason == CLOSE_EXPIRED)
        subscriber->ending = (uint8_t)reason;
    if (subscriber->state != SUBSCRIBER_CURRENT)
        return;
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
    subscriber_queue(worker, subscriber);
}

bool subscriber_channels_ended(const struct subscriber *subscriber)
{
    if (!(subscriber->flags & SUBSCRIBER_MANY))
        return subscriber->channel->ending;
    uint32_t i = 0;
    while (i < subscriber->set->count && subscriber->set->items[i].channel->ending)
        i++;
    return i == subscriber->set->count;
}

bool subscriber_is_closed_on(const struct subscriber *subscriber)
{
    if (!(subscriber->flags & SUBSCRIBER_MANY))
        return subscriber->channel->closed;
    uint32_t i = 0;
    while (i < subscriber->set->count && !subscriber->set->items[i].channel->closed)
        i++;
    return i < subscriber->set->count;
}

enum close_reason subscriber_end_reason(const struct worker *worker,
                                        const struct subscriber *subscriber)
{
    /* Our own reasons first: a client may end its side as soon as it has the end of ours. */
    if (worker->drain.under_way)
        return CLOSE_DRAIN;
    if (subscriber->ending && subscriber->ending != CLOSE_GONE)
        return subscriber->ending;
    bool limit = (subscriber->flags & SUBSCRIBER_LIMITED) && subscriber->events_left == 0;
    if (!limit && subscriber_channels_ended(subscriber))
        return subscriber_is_closed_on(subscriber) ? CLOSE_CHANNEL : CLOSE_ENDED;
    return subscriber->ending == CLOSE_GONE ? CLOSE_GONE : CLOSE_LIMIT;
}

static void count_closed(struct worker *worker, enum close_reason reason)
{
    switch (reason) {
#define X(name, counter, word)                                                                     \
    case name:                                                                                     \
        COUNT(worker, closed_##counter, 1);                                                        \
        break;
        CLOSE_REASONS(X)
#undef X
    case CLOSE_NONE:
    case CLOSE_REFUSED:
        CHECK(false);
    }
}

void subscriber_close(struct worker *worker, struct subscriber *subscriber,
                      enum close_reason reason)
{
    CHECK(subscriber->state != SUBSCRIBER_FREE && subscriber->state != SUBSCRIBER_CLOSING);
    subscriber_caught_up(worker, subscriber);
    subscriber_set_state(worker, subscriber, SUBSCRIBER_CLOSING);
    subscriber->ending = (uint8_t)reason;
    subscriber->next_closing = worker->records.closing;
    worker->records.closing = subscriber_index(worker, subscriber);
    group_leave(worker, subscriber_index(worker, subscriber));
    COUNT(worker, subscribers, -1);
    count_closed(worker, reason);
}

void subscriber_close_all(struct worker *worker, enum close_reason reason)
{
    for (uint32_t i = 0; i < worker->records.used && worker->records.live; i++)
        if (worker->subscribers[i].state != SUBSCRIBER_FREE &&
            worker->subscribers[i].state != SUBSCRIBER_CLOSING)
            subscriber_close(worker, &worker->subscribers[i], reason);
}

void subscriber_let_go_of(struct worker *worker, const struct subscriber *subscriber,
                          const struct channel *channel)
{
    uint32_t index = subscriber_index(worker, subscriber);
    if ((subscriber->flags & SUBSCRIBER_MANY) && worker->seats.count && !MUTATION(close_keeps_seat))
        seat_closed(worker->seats.of[index], (struct text){channel->name, channel->name_len});
}

static void leave_seat(struct worker *worker, const struct subscriber *subscriber)
{
    uint32_t index = subscriber_index(worker, subscriber);
    if (!worker->seats.count || !worker->seats.of[index] || MUTATION(seat_kept))
        return;
    struct seat_end end = {.reason = subscriber->ending,
                           .subscriber = identity_id(worker, index),
                           .cursor = subscriber->cursor};
    seat_leave(TAKE(worker->seats.of[index]), &end);
    worker->seats.count--;
}

/* For who asks later why it has gone, and what it had. */
static void note_close(struct worker *worker, struct subscriber *subscriber)
{
    uint32_t index = subscriber_index(worker, subscriber), count;
    const struct identity *identity = identity_of(worker, index);
    if (!identity)
        return;
    struct membership single;
    const struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    struct close_record record = {.id = identity_id(worker, index),
                                  .cursor = subscriber->cursor,
                                  .closed_ns = worker->now_ns,
                                  .course = identity->course,
                                  .reason = subscriber->ending,
                                  .channel_count = count};
    for (uint32_t i = 0; i < count && i < CLOSE_CHANNELS_REMEMBERED; i++) {
        const struct channel *channel = memberships[i].channel;
        record.channels[i].hash = channel->hash;
        record.channels[i].closed_at = channel->closed ? channel->ending->sequence : 0;
    }
    closes_note(worker->flow->closes, &record);
}

void subscriber_bury(struct worker *worker)
{
    DCHECK(worker->batch.count == 0);
    while (worker->records.closing != NO_RECORD) {
        struct subscriber *subscriber = &worker->subscribers[worker->records.closing];
        worker->records.closing = subscriber->next_closing;
        worker->io->operations->remove(worker->io, subscriber->handle);
        leave_seat(worker, subscriber);
        note_close(worker, subscriber);
        if (subscriber->flags & SUBSCRIBER_PRIVATE)
            private_drop(worker, subscriber_index(worker, subscriber));
        subscriber_abandon(worker, subscriber);
        worker->records.live--;
        worker->memory.subscriber_bytes -= SUBSCRIBER_MEMORY;
        /* Release order is not needed: the hub only counts with it. */
        atomic_fetch_sub_explicit(&worker->reserved, 1, memory_order_relaxed);
    }
}
