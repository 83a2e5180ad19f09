/* SPDX-License-Identifier: MIT */
/* See ended.h. */
#include "tests/sim/ended.h"

#include <inttypes.h>
#include <sys/socket.h>

#include "tests/sim/command.h"
#include "tests/sim/fail.h"
#include "tests/sim/world.h"

/* --- publishers ------------------------------------------------------------------------------ */

static bool has_forgotten(const struct worker *worker, unsigned channel, uint64_t end)
{
    const struct channel *record = world_record(worker, channel);
    return worker->position > end && (!record || !record->ending);
}

static bool all_have_forgotten(unsigned channel, uint64_t end)
{
    bool all = true;
    for (unsigned i = 0; i < world->worker_count; i++)
        all &= has_forgotten(world->workers[i].worker, channel, end);
    return all;
}

static bool keep_has_passed(uint64_t end)
{
    const struct model_event *event = model_at(&world->model, end);
    return world->sim.now_ns - event->born_ns > (int64_t)world->options.end_keep_s * 1000000000;
}

void ended_closed(unsigned channel, uint64_t sequence)
{
    struct model_channel *found = &world->model.channels[channel];
    if (found->end < sequence)
        found->end = 0;
}

void ended_stamped(const struct model_event *event)
{
    struct model_channel *channel = &world->model.channels[event->channel];
    if (channel->end && event->sequence > channel->end) {
        if (!all_have_forgotten(event->channel, channel->end))
            fail("event %" PRIu64 " of channel %u is published although event %" PRIu64
                 " has ended it",
                 event->sequence, event->channel, channel->end);
        if (!keep_has_passed(channel->end))
            fail("channel %u, ended by event %" PRIu64 ", is open again too soon", event->channel,
                 channel->end);
        channel->end = 0;
    }
    if (!event->ends)
        return;
    uint64_t close = model_close_from(&world->model, event->channel, event->sequence);
    uint64_t later = model_first_after(&world->model, event->channel, event->sequence);
    if (later && !(close && close < later))
        fail("event %" PRIu64 " is published behind event %" PRIu64 ", which ends channel %u",
             later, event->sequence, event->channel);
    channel->end = close ? 0 : event->sequence;
}

/* Somebody else has claimed its end, and is at the stamps before it. */
static bool is_about_to_end(const struct publisher *publisher, unsigned channel)
{
    for (unsigned p = 0; p < WORLD_PUBLISHERS_MAX; p++) {
        const struct publisher *other = &world->publishers[p];
        for (unsigned i = other->stamped; other != publisher && other->within && i < other->count;
             i++)
            if (other->events[i].channel == channel && other->events[i].ends &&
                !other->frames[i]->sequence)
                return true;
    }
    return false;
}

/* Whether the frame of that index has to be refused; or may be: whether a close came behind an end
 * that is not stamped yet is not looked into. */
static bool is_ended(const struct publisher *publisher, uint64_t index, bool may_be)
{
    unsigned channel = publisher->events[index].channel;
    if (publisher->frames[index]->sequence)
        return false; /* it is known by its key */
    uint64_t end = world->model.channels[channel].end;
    for (uint64_t i = 0; i < index; i++)
        if (publisher->events[i].channel == channel && publisher->events[i].ends &&
            !publisher->frames[i]->sequence)
            return true;
    bool closes = world->model.channels[channel].close_count;
    return ((may_be || !closes) && is_about_to_end(publisher, channel)) ||
           (end && !all_have_forgotten(channel, end));
}

void ended_refused(const struct publisher *publisher, uint64_t index)
{
    if (index >= publisher->count || !is_ended(publisher, index, true))
        fail("publisher %u is told that the channel of its event %" PRIu64 " has ended",
             publisher->number, index);
    for (uint64_t i = 0; i < index; i++)
        if (is_ended(publisher, i, false))
            fail("publisher %u is told of event %" PRIu64 ", but the channel of event %" PRIu64
                 " has ended before",
                 publisher->number, index, i);
}

/* --- readers --------------------------------------------------------------------------------- */

/* The newest event of the channel up to `through` ends it. */
static bool is_over(const struct client *client, unsigned channel, uint64_t through)
{
    const struct model_channel *found = &client->model->channels[channel];
    if (command_close(client, channel))
        return true;
    size_t at = found->count;
    while (at > 0 && found->sequences[at - 1] > through)
        at--;
    return at > 0 && model_at(client->model, found->sequences[at - 1])->ends;
}

bool ended_for(const struct client *client)
{
    bool all = true;
    for (unsigned i = 0; i < client->channel_count; i++)
        all &= is_over(client, client->channels[i], client->through[client->channels[i]]);
    return all;
}

bool ended_by_close(const struct client *client, uint64_t before)
{
    bool any = false;
    for (unsigned i = 0; i < client->channel_count; i++) {
        uint64_t close = command_close(client, client->channels[i]);
        any |= close && close < before;
    }
    return any;
}

bool ended_behind(const struct client *client, uint64_t sequence)
{
    for (unsigned i = 0; i < client->channel_count; i++) {
        uint64_t last =
            model_last_before(client->model, client->channels[i], client->worker->position);
        if (last > sequence && model_at(client->model, last)->ends)
            return true;
    }
    return false;
}

bool ended_here(const struct client *client)
{
    bool all = true;
    for (unsigned i = 0; i < client->channel_count; i++) {
        uint64_t close = command_close(client, client->channels[i]);
        if (close && client->worker->position > close)
            continue;
        const struct channel *record = world_record(client->worker, client->channels[i]);
        all &= record && record->ending;
    }
    return all;
}

bool ended_before(const struct client *client)
{
    if (!ended_here(client) || client->gap_count)
        return false;
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned channel = client->channels[i];
        uint64_t next = client->through[channel];
        while ((next = model_first_after(client->model, channel, next)) &&
               next < client->worker->position)
            if (!model_at(client->model, next)->without_data)
                return false;
    }
    uint64_t next = client->through[MODEL_ALL];
    while ((next = client_next_to_all(client, next)) && next < client->worker->position)
        if (!model_at(client->model, next)->without_data)
            return false;
    return true;
}

uint64_t ended_lacks(const struct client *client)
{
    struct client ahead = *client;
    for (uint64_t next; (next = client_next(&ahead));) {
        const struct model_event *event = model_at(client->model, next);
        if (!event->ends || !event->without_data || next > client->evicted[event->channel])
            return next;
        ahead.through[event->channel] = next;
    }
    return 0;
}

void ended_pass(struct client *client)
{
    uint64_t next = client_next(client), wanted = ended_lacks(client);
    for (; next && next != wanted; next = client_next(client))
        client->through[model_at(client->model, next)->channel] = next;
}

void ended_rest(const struct client *client)
{
    if (ended_here(client))
        fail("client %u is connected although all of its channels have ended", client->number);
}

bool ended_long_ago(const struct client *client)
{
    for (unsigned i = 0; i < client->channel_count; i++) {
        const struct model_channel *channel = &client->model->channels[client->channels[i]];
        for (size_t k = channel->count; k > 0; k--)
            if (model_at(client->model, channel->sequences[k - 1])->ends &&
                keep_has_passed(channel->sequences[k - 1]))
                return true;
    }
    return false;
}

/* --- answers --------------------------------------------------------------------------------- */

ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
/* Only who is not to be a subscriber is answered so. */
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    static const char wanted[] = "HTTP/1.1 204 No Content\r\n";
    struct sim_socket *socket = world ? sim_socket_find(&world->sim, fd) : NULL;
    if (!socket)
        return __real_send(fd, bytes, len, flags);
    struct client *client = socket->context;
    if (client->head_sent) { /* the response has begun: it can end */
        if (!text_equals((struct text){bytes, len}, TEXT("0\r\n\r\n")) || client->plain)
            fail("client %u has a head, and an answer", client->number);
        client_told_over(client, world->turning->worker);
        return (ssize_t)len;
    }
    if (len < sizeof(wanted) - 1 || memcmp(bytes, wanted, sizeof(wanted) - 1) != 0)
        return (ssize_t)len; /* a refusal */
    client_told_over(client, world->turning->worker);
    return (ssize_t)len;
}
