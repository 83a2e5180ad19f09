/* SPDX-License-Identifier: MIT */
/* See fate.h. */
#include "tests/sim/fate.h"

#include <inttypes.h>

#include "tests/sim/command.h"
#include "tests/sim/fail.h"

struct text fate_id(uint64_t sequence, char own[ID_LEN])
{
    id_format(own, hub_ids(world->hub), sequence);
    return (struct text){own, ID_LEN};
}

void fate_note(struct client *client, uint64_t sequence)
{
    if (client->got_count == client->got_size) {
        client->got_size = client->got_size ? client->got_size * 2 : 16;
        client->got = realloc(client->got, client->got_size * sizeof(*client->got));
        CHECK(client->got);
    }
    client->got[client->got_count++] = sequence;
    client->got_at = ++client->events;
    client->event_is_latest = true;
}

/* Whether the client has the whole event. */
static bool has_got(const struct client *client, uint64_t sequence)
{
    uint32_t whole = client->got_count;
    if (whole && client_whole_events(client) < client->got_at)
        whole--;
    for (uint32_t i = 0; i < whole; i++)
        if (client->got[i] == sequence)
            return true;
    return false;
}

static bool listens(const struct client *client, unsigned channel, uint64_t sequence)
{
    uint64_t close = command_close(client, channel);
    for (unsigned i = 0; i < client->channel_count; i++)
        if (client->channels[i] == channel)
            return !close || sequence < close;
    return false;
}

/* By the channel that has its name now. */
static bool is_in_history(const struct worker *worker, unsigned channel, uint64_t sequence)
{
    struct text name = world->model.channels[channel].name;
    const struct channel *record =
        channels_find(&worker->channels, hash_text(&worker->options->key, name), name);
    return record && history_has(&record->history, sequence);
}

/* By a channel that was closed, too. */
static bool is_retained(const struct worker *worker, uint64_t sequence)
{
    for (uint32_t i = 0; i < worker->channels.count; i++)
        if (history_has(&worker->channels.list[i]->history, sequence))
            return true;
    return false;
}

/* What is remembered of an ended stream's channels is their hashes: of two alike nobody knows which
 * it was. */
static bool is_ambiguous(const struct client *client, unsigned channel)
{
    const struct hash_key *key = &client->worker->options->key;
    uint64_t hash = hash_text(key, world->model.channels[channel].name);
    for (unsigned i = 0; i < client->channel_count; i++)
        if (client->channels[i] != channel &&
            hash_text(key, world->model.channels[client->channels[i]].name) == hash)
            return true;
    return false;
}

static _Noreturn void wrong(const struct client *client, uint64_t sequence,
                            const struct explanation *seen, const char *what)
{
    fail("event %" PRIu64 " and client %u: \"%s\", delivered %u, although %s", sequence,
         client->number, explain_reason_text(seen->reason), seen->delivered, what);
}

/* What each reason means. */
static void judge_reason(const struct client *client, uint64_t sequence, unsigned channel,
                         const struct explanation *seen)
{
    bool listening = listens(client, channel, sequence);
    bool retained = is_retained(client->worker, sequence);
    bool open = client->socket->state == SIM_OPEN;
    switch (seen->reason) {
    case EXPLAIN_SENT:
        return;
    case EXPLAIN_NOT_SUBSCRIBED:
        if (listening)
            wrong(client, sequence, seen, "it listens to its channel");
        return;
    case EXPLAIN_BEFORE_JOIN:
        if (sequence > client->began)
            wrong(client, sequence, seen, "it is among what it asked for");
        return;
    case EXPLAIN_WAITING:
        if (!open || !listening || !retained)
            wrong(client, sequence, seen, "it will never come");
        return;
    case EXPLAIN_SKIPPED:
        if (!listening || (retained && open && !client->skipped))
            wrong(client, sequence, seen, "it is there");
        return;
    case EXPLAIN_GONE:
        if (open)
            wrong(client, sequence, seen, "it is connected");
        return;
    case EXPLAIN_EVICTED:
        if (is_in_history(client->worker, channel, sequence))
            wrong(client, sequence, seen, "it is in history");
        return;
    }
}

void fate_judge(const struct client *client, uint64_t sequence, const struct control *control)
{
    const struct explanation *seen = &control->explanation;
    bool open = client->socket->state == SIM_OPEN;
    if (control->result == CONTROL_NONE)
        fail("client %u is forgotten", client->number);
    if (seen->closed == CLOSE_NONE && !open && client->cut)
        return; /* it was ended after that, in the same turn */
    if ((seen->closed == CLOSE_NONE) != open)
        fail("client %u is said to be %s", client->number, open ? "closed" : "there");
    if (seen->began != client->began)
        fail("client %u is said to begin at %" PRIu64 ", not %" PRIu64, client->number, seen->began,
             client->began);
    if (sequence > world->model.published) {
        if (seen->event != EVENT_UNBORN)
            wrong(client, sequence, seen, "it was not published");
        return;
    }
    const struct model_event *event = model_at(&world->model, sequence);
    if (event->channel == MODEL_NO_CHANNEL || sequence >= client->worker->position)
        return; /* no event, or none that its worker knows of yet */
    if (!open && event->channel != MODEL_ALL && is_ambiguous(client, event->channel))
        return;
    bool got = has_got(client, sequence);
    bool retained = is_retained(client->worker, sequence);
    if (got ? seen->delivered == DELIVERED_NO : seen->delivered == DELIVERED_YES)
        wrong(client, sequence, seen, got ? "it got it" : "it did not get it");
    if ((seen->reason == EXPLAIN_SENT) != (seen->delivered == DELIVERED_YES))
        wrong(client, sequence, seen, "these are not the same");
    if (seen->delivered == DELIVERED_UNKNOWN && retained && open && event->channel != MODEL_ALL &&
        !client->skipped)
        wrong(client, sequence, seen, "all is there to know it");
    if (event->channel != MODEL_ALL) /* which are part of every channel, as far as that goes */
        judge_reason(client, sequence, event->channel, seen);
}
