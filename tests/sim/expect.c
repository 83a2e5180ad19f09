/* SPDX-License-Identifier: MIT */
/* See expect.h. */
#include "tests/sim/expect.h"

#include "tests/sim/client.h"
#include "tests/sim/fail.h"

/* What the worker had when the client joined. */
struct view {
    uint64_t position;                    /* the next event it takes */
    uint64_t evicted[MODEL_CHANNELS_MAX]; /* by channel: the newest that is gone */
    uint64_t lost[MODEL_CHANNELS_MAX];    /* and of it, what anybody could want */
    uint64_t remembered_after[MODEL_CHANNELS_MAX];
};

/* An end without data that is gone with all else is no loss to who has what came before it. */
static uint64_t lost_through(const struct client *client, unsigned number,
                             const struct channel *channel)
{
    uint64_t evicted = channel->history.evicted_through;
    if (!channel->ending || channel->ending->sequence != evicted ||
        !model_at(client->model, evicted)->without_data)
        return evicted;
    uint64_t earlier = 0;
    for (uint64_t at = 0; (at = model_first_after(client->model, number, at)) < evicted;)
        earlier = at;
    if (channel->ending->before < earlier)
        fail("the end of channel %u hides event %llu", number, (unsigned long long)earlier);
    return channel->ending->before;
}

static struct view look(const struct client *client)
{
    struct view view = {.position = client->worker->position};
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned number = client->channels[i];
        struct text name = client->model->channels[number].name;
        const struct channel *channel = channels_find(
            &client->worker->channels, hash_text(&client->worker->options->key, name), name);
        if (!channel)
            fail("client %u has joined a channel without a record", client->number);
        view.evicted[number] = channel->history.evicted_through;
        view.lost[number] = lost_through(client, number, channel);
        view.remembered_after[number] = channel->history.remembered_after;
    }
    return view;
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The newest retained event of the subscription before `end`; 0: none. */
static uint64_t newest_before(const struct client *client, const struct view *view, uint64_t end)
{
    for (uint64_t sequence = end - 1; sequence >= 1; sequence--) {
        unsigned channel = model_at(client->model, sequence)->channel;
        for (unsigned i = 0; i < client->channel_count; i++)
            if (client->channels[i] == channel && sequence > view->evicted[channel])
                return sequence;
    }
    return 0;
}

static uint64_t start_of_last(const struct client *client, const struct view *view)
{
    uint64_t oldest = client->before; /* the newest that there were when it asked */
    for (uint32_t i = 0; i < client->last; i++) {
        uint64_t newest = newest_before(client, view, oldest);
        if (newest == 0)
            break;
        oldest = newest;
    }
    return oldest - 1;
}

/* A given id is a position if exactly one retained event of the subscription has it. */
static bool find_given(const struct client *client, const struct view *view, uint64_t *ret_sequence)
{
    struct text id = {client->resume.at, client->resume.len};
    unsigned found = 0;
    uint64_t at = view->position;
    while ((at = newest_before(client, view, at)) != 0) {
        if (!text_equals(model_at(client->model, at)->id, id))
            continue;
        found++;
        *ret_sequence = at;
    }
    return found == 1;
}

static void expect_fresh(struct client *client, const struct view *view)
{
    client->header = "none";
    client->has_preface_id = !client->once;
    client->start = client->last ? start_of_last(client, view) : client->before - 1;
    /* What was let go before it was there is not owed to it. */
    if (client->channel_count == 1)
        client->start = max(client->start, view->evicted[client->channels[0]]);
    client->cursor = client->start;
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned channel = client->channels[i];
        client->through[channel] = max(client->start, view->evicted[channel]);
    }
}

static int64_t missed(const struct client *client, const struct view *view, unsigned channel,
                      uint64_t sequence)
{
    if (sequence < view->remembered_after[channel])
        return -1;
    return (int64_t)model_count(client->model, channel, sequence, view->evicted[channel]);
}

static void expect_gaps(struct client *client, const struct view *view, bool everywhere,
                        uint64_t sequence)
{
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned channel = client->channels[i];
        client->through[channel] = max(sequence, view->evicted[channel]);
        if (!everywhere && view->lost[channel] <= sequence)
            continue;
        if (everywhere)
            client->through[channel] = view->evicted[channel];
        client->gap_missed[client->gap_count] =
            everywhere ? -1 : missed(client, view, channel, sequence);
        client->gaps[client->gap_count++] = channel;
    }
    /* The position before the first event that follows and is there already. */
    uint64_t next = client_next(client);
    client->gap_position = next && next < view->position ? next - 1 : view->position - 1;
}

static void expect_retained(struct client *client, const struct view *view)
{
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned channel = client->channels[i];
        client->retained +=
            model_count(client->model, channel, client->through[channel], view->position - 1);
    }
}

static void expect_position(struct client *client, const struct view *given)
{
    struct view view = *given;
    if (view.position < client->before)
        fail("client %u has joined at %llu, before its own %llu", client->number,
             (unsigned long long)view.position, (unsigned long long)client->before);
    if (!client->has_resume) {
        expect_fresh(client, &view);
        return;
    }
    struct text point = {client->resume.at, client->resume.len};
    uint64_t sequence;
    enum id_origin origin = id_read(client->ids, point, &sequence);
    bool ours = origin != ID_OTHER;
    client->from_is_told = ours || (point.len && frame_check_id(point) == FRAME_OK);
    client->has_preface_id = client->from_is_told;
    bool everywhere = true;
    client->reason = "unknown";
    if (origin == ID_RESTARTED) {
        client->reason = "restarted";
    } else if (ours ? sequence < client->before
                    : client->from_is_told && find_given(client, &view, &sequence)) {
        client->reason = "expired";
        everywhere = false;
    }
    if (everywhere)
        sequence = 0;
    client->cursor = sequence;
    expect_gaps(client, &view, everywhere, sequence);
    client->header = client->gap_count ? "gap" : "complete";
}

void expect_greeting(struct client *client)
{
    struct view view = look(client);
    expect_position(client, &view);
    expect_retained(client, &view);
}
