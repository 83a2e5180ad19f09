/* SPDX-License-Identifier: MIT */
/* Controls' parts in slices: see inspect.h. */
#include "engine/worker/inspect.h"

#include <errno.h>

#include "engine/mutation.h"
#include "engine/worker/explain.h"
#include "engine/worker/identity.h"
#include "engine/worker/slice.h"
#include "engine/worker/standing.h"
#include "engine/worker/steer.h"
#include "engine/worker/subscriber.h"

/* --- channels -------------------------------------------------------------------------------- */

/* A record that only waits to be dropped is no channel any more, nor is one that was closed. */
static bool is_there(const struct channel *channel)
{
    return !channel->closed &&
           (channel->member_count || history_count(&channel->history) || channel->ending);
}

static void describe(const struct channel *channel, struct control_channel *entry)
{
    entry->subscribers = channel->member_count;
    entry->events = history_count(&channel->history);
    entry->bytes = channel->history.bytes;
    entry->last = history_latest(&channel->history);
    entry->ended = channel->ending;
}

static void look_at_channel(struct control_part *part, const struct channel *channel)
{
    struct text name = {channel->name, channel->name_len};
    if (!control_wants(part, name) || control_hides(name) || !is_there(channel))
        return;
    struct control_channel *entry = control_add_channel(part, name);
    if (entry)
        describe(channel, entry);
}

/* What is some records ahead comes into the cache meanwhile: they lie anywhere. */
#define AHEAD 8u

static bool list_channels(struct worker *worker, struct control_part *part, struct slice *slice)
{
    struct channels *channels = &worker->channels;
    if (!part->begun) {
        part->begun = true;
        part->walk = channels->count;
        channels->walk++;
    }
    for (;;) {
        if (part->walk > channels->count)
            part->walk = channels->count;
        if (part->walk == 0)
            return true;
        if (slice_is_spent(worker, slice))
            return false;
        struct channel *channel = channels->list[--part->walk];
        if (part->walk >= AHEAD)
            __builtin_prefetch(channels->list[part->walk - AHEAD]->name);
        if (channel->walked == channels->walk && !MUTATION(walked_again))
            continue;
        channel->walked = channels->walk;
        look_at_channel(part, channel);
        if (MUTATION(record_missed) && part->walk > 1)
            part->walk--;
    }
}

static bool find_channel(struct worker *worker, struct control_part *part)
{
    const struct control *control = part->control;
    const struct channel *channel =
        channels_find(&worker->channels, control->hash, control->request.channel);
    if (channel)
        look_at_channel(part, channel);
    return true;
}

/* --- subscribers ------------------------------------------------------------------------------ */

/* False: the page has no room for it. */
static bool add_subscriber(const struct worker *worker, struct control_part *part,
                           struct subscriber *subscriber)
{
    uint32_t index = subscriber_index(worker, subscriber), count;
    struct membership single;
    const struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    struct text names[CONTROL_NAMES_MAX];
    uint32_t named = 0, listens = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct channel *channel = memberships[i].channel;
        if (channel->closed)
            continue;
        listens++;
        if (named < CONTROL_NAMES_MAX)
            names[named++] = (struct text){channel->name, channel->name_len};
    }
    struct control_subscriber *entry = control_add_subscriber(part, names, named);
    if (!entry)
        return false;
    const struct identity *identity = identity_of(worker, index);
    struct standing standing;
    standing_of(worker, subscriber, &standing);
    entry->id = identity_id(worker, index);
    entry->channel_count = listens;
    entry->behind = standing.behind;
    entry->behind_is_least = standing.behind_is_least;
    entry->is_blocked = standing.is_blocked;
    entry->is_slow = standing.is_slow;
    entry->peer_len = identity->peer_len;
    memcpy(entry->peer, identity->peer, identity->peer_len);
    entry->lagging_ms = standing.lagging_ms;
    entry->window_bytes = standing.window_bytes;
    entry->window_ms = standing.window_ms;
    entry->joined_ms = worker_ms(worker) - subscriber->joined_ms;
    return true;
}

/* What an entry takes, in looks at records: its channel, that one's history, its name. */
#define ENTRY_LOOKS 3u

static bool list_subscribers(struct worker *worker, struct control_part *part, struct slice *slice)
{
    const struct control *control = part->control;
    const struct control_request *request = &control->request;
    if (!worker->identities.of)
        return true;
    if (!part->begun) {
        part->begun = true;
        identity_walk_begin(worker, request->subscriber);
    }
    const struct channel *channel = NULL;
    if (request->channel.len) {
        channel = channels_find(&worker->channels, control->hash, request->channel);
        if (!channel)
            return true;
    }
    for (uint32_t index;; identity_walk_on(worker)) {
        if (!identity_walk(worker, slice, &index))
            return false;
        if (index == IDENTITY_NONE)
            return true;
        struct subscriber *subscriber = &worker->subscribers[index];
        struct membership membership;
        if (channel && !subscriber_listens(subscriber, channel, &membership))
            continue;
        if (MUTATION(record_missed) && index % 4 == 3)
            continue;
        if (!add_subscriber(worker, part, subscriber))
            return true;
        slice_take(slice, ENTRY_LOOKS);
        if (subscriber->flags & SUBSCRIBER_MANY)
            slice_take(slice, subscriber->set->count);
    }
}

static bool find_subscriber(struct worker *worker, struct control_part *part)
{
    uint32_t index = identity_find(worker, part->control->request.subscriber);
    if (index != IDENTITY_NONE)
        (void)add_subscriber(worker, part, &worker->subscribers[index]);
    return true;
}

/* --- parts ----------------------------------------------------------------------------------- */

/* True if the part is answered. */
static bool answer_some(struct worker *worker, struct control_part *part, struct slice *slice,
                        int *ret_result)
{
    switch (part->control->request.kind) {
    case CONTROL_CHANNELS:
        return list_channels(worker, part, slice);
    case CONTROL_CHANNEL:
        return find_channel(worker, part);
    case CONTROL_SUBSCRIBERS:
        return list_subscribers(worker, part, slice);
    case CONTROL_SUBSCRIBER:
        return find_subscriber(worker, part);
    case CONTROL_EXPLAIN:
        return explain_some(worker, part, slice);
    case CONTROL_END:
    case CONTROL_SEND:
        return steer_some(worker, part, ret_result);
    }
    return true;
}

static struct control_part *take_first(struct worker *worker)
{
    struct control_part *part = worker->inspect.first;
    worker->inspect.first = part->next;
    return part;
}

void inspect_take(struct worker *worker, struct control_part *part)
{
    if (worker->drain.final) {
        control_finish(part, -ESHUTDOWN);
        return;
    }
    part->next = NULL;
    steer_take(worker, part);
    if (worker->inspect.first)
        worker->inspect.last->next = part;
    else
        worker->inspect.first = part;
    worker->inspect.last = part;
}

/* Else it waits for events, which bring the next turn. */
static bool is_ready(const struct worker *worker)
{
    const struct control_part *part = worker->inspect.first;
    if (!part || steer_waits(worker, part))
        return false;
    return control_is_wish(part->control) || part->control->before <= worker->position;
}

/* The turn so far is what the slice may be a part of. A turn that did nothing takes some
 * microseconds all the same, for the system calls. */
static struct slice begin_slice(struct worker *worker)
{
    int64_t now_ns = worker->io->operations->now_ns(worker->io);
    int64_t own_ns = now_ns - worker->now_ns;
    int64_t least_ns = own_ns < INSPECT_BUSY_NS * 2 ? INSPECT_IDLE_NS : INSPECT_BUSY_NS;
    int64_t slice_ns = own_ns / INSPECT_PART;
    slice_ns = slice_ns < least_ns ? least_ns : slice_ns > SLICE_NS ? SLICE_NS : slice_ns;
    return (struct slice){worker->inspect.looks, SLICE_LOOKS, now_ns + slice_ns};
}

bool inspect_slice(struct worker *worker)
{
    DCHECK(worker->batch.count == 0);
    struct slice slice = begin_slice(worker);
    int result = 0;
    while (is_ready(worker) && answer_some(worker, worker->inspect.first, &slice, &result)) {
        control_finish(take_first(worker), result);
        result = 0;
        if (slice_is_spent(worker, &slice))
            break;
    }
    return is_ready(worker);
}

void inspect_count(struct worker *worker, struct census_part *part)
{
    const struct census *census = part->census;
    const struct channel *channel = NULL;
    for (unsigned i = 0; i < census->count; i++) {
        const struct census_channel *asked = &census->channels[i];
        if (i == 0 || asked->hash != census->channels[i - 1].hash)
            channel = channels_find(&worker->channels, asked->hash, asked->name);
        if (asked->name.len == 0) /* of an event to all */
            census_add(part, i, worker->records.live);
        else if (channel)
            census_add(part, i, channel->member_count);
    }
    census_finish(part);
}

void inspect_end(struct worker *worker)
{
    while (worker->inspect.first)
        control_finish(take_first(worker), -ESHUTDOWN);
}
