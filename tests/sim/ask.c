/* SPDX-License-Identifier: MIT */
/* See ask.h. */
#include "tests/sim/ask.h"

#include <errno.h>
#include <inttypes.h>

#include "engine/worker/identity.h"
#include "tests/sim/command.h"
#include "tests/sim/fail.h"
#include "tests/sim/fate.h"

#define ASKS_MAX        4
#define ASK_CLIENTS_MAX 80

/* One question under way. */
struct ask {
    struct control *control; /* NULL: this place is free */
    bool done;
    /* By worker and channel: the record was there all the while. */
    bool stays[WORLD_WORKERS_MAX][MODEL_CHANNELS_MAX];
    bool came[MODEL_CHANNELS_MAX]; /* somewhere, at some time */
    /* Likewise, its smallest and largest number of members at the end of a turn. */
    uint64_t least[WORLD_WORKERS_MAX][MODEL_CHANNELS_MAX];
    uint64_t most[WORLD_WORKERS_MAX][MODEL_CHANNELS_MAX];
    bool was_open[ASK_CLIENTS_MAX]; /* clients */
    unsigned channel, client;
    uint64_t event;
};

static struct ask asks[ASKS_MAX];

/* --- channels -------------------------------------------------------------------------------- */

static const struct channel *find_record(const struct worker *worker, unsigned channel)
{
    struct text name = world->model.channels[channel].name;
    return channels_find(&worker->channels, hash_text(&worker->options->key, name), name);
}

static bool is_there(const struct channel *channel)
{
    return channel &&
           (channel->member_count || history_count(&channel->history) || channel->ending);
}

static void note_channels(struct ask *ask, const struct world_worker *worker, bool first)
{
    unsigned w = worker->index;
    for (unsigned i = 0; i < world->model.channel_count; i++) {
        const struct channel *channel = find_record(worker->worker, i);
        uint64_t members = channel ? channel->member_count : 0;
        ask->stays[w][i] = (first || ask->stays[w][i]) && is_there(channel);
        ask->came[i] |= is_there(channel);
        if (first || members < ask->least[w][i])
            ask->least[w][i] = members;
        if (first || members > ask->most[w][i])
            ask->most[w][i] = members;
    }
}

void ask_made(const struct channels *channels, struct text name)
{
    unsigned w = 0, c = 0;
    while (&world->workers[w].worker->channels != channels)
        w++;
    while (!text_equals(world->model.channels[c].name, name))
        c++;
    for (unsigned i = 0; i < ASKS_MAX; i++) {
        asks[i].stays[w][c] = false;
        asks[i].least[w][c] = 0;
    }
}

void ask_joined(const struct world_worker *worker)
{
    for (unsigned i = 0; i < ASKS_MAX; i++)
        if (asks[i].control)
            note_channels(&asks[i], worker, false);
}

static int compare(struct text a, struct text b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int r = len ? memcmp(a.at, b.at, len) : 0;
    return r ? r : (a.len > b.len) - (a.len < b.len);
}

static void judge_entry(const struct ask *ask, const struct control_channel *entry,
                        struct text before, bool *listed)
{
    struct text name = {entry->name, entry->name_len};
    unsigned c = 0;
    while (c < world->model.channel_count && !text_equals(world->model.channels[c].name, name))
        c++;
    if (c == world->model.channel_count || !ask->came[c])
        fail("channel \"%.*s\" is listed, and was not there", (int)name.len, name.at);
    if (listed[c] || compare(name, before) <= 0)
        fail("channel %u is listed twice, or out of order", c);
    uint64_t least = 0, most = 0;
    for (unsigned w = 0; w < world->worker_count; w++) {
        least += ask->least[w][c];
        most += ask->most[w][c];
    }
    if (entry->subscribers < least || entry->subscribers > most)
        fail("channel %u is listed with %" PRIu64 " subscribers; it had %" PRIu64 " to %" PRIu64, c,
             entry->subscribers, least, most);
    if (entry->last > world->model.published)
        fail("channel %u is listed with an event that was not published", c);
    listed[c] = true;
}

static void judge_channels(struct ask *ask)
{
    bool listed[MODEL_CHANNELS_MAX] = {false};
    struct control *control = ask->control;
    bool is_list = control->request.kind == CONTROL_CHANNELS;
    struct text before = is_list ? control->request.after : (struct text){NULL, 0};
    struct control_channel entry, last = {0};
    uint32_t count = 0;
    for (; control_next_channel(control, &entry); count++) {
        judge_entry(ask, &entry, before, listed);
        last = entry;
        before = (struct text){last.name, last.name_len};
    }
    if (count > control->request.limit || (control->more && count < control->request.limit))
        fail("a page of %u channels has %u%s", control->request.limit, count,
             control->more ? ", and there are more" : "");
    for (unsigned c = 0; c < world->model.channel_count; c++) {
        bool stays = false;
        for (unsigned w = 0; w < world->worker_count; w++)
            stays |= ask->stays[w][c];
        struct text name = world->model.channels[c].name;
        bool within = is_list ? compare(name, control->request.after) > 0 &&
                                    (!control->more || compare(name, before) <= 0)
                              : c == ask->channel;
        if (stays && within && !listed[c])
            fail("channel %u was there all the while, and is not listed", c);
    }
}

/* --- subscribers ----------------------------------------------------------------------------- */

static bool has_channel(const struct client *client, unsigned channel)
{
    unsigned i = 0;
    while (i < client->channel_count && client->channels[i] != channel)
        i++;
    return i < client->channel_count;
}

/* All its channels, but for those that were closed by now. */
static bool has_those(const struct client *client, const struct control_subscriber *entry)
{
    uint32_t named = 0, least = 0;
    for (unsigned i = 0; i < client->channel_count; i++) {
        uint64_t close = command_close(client, client->channels[i]);
        struct text name = world->model.channels[client->channels[i]].name;
        bool is_named = named < entry->name_count && text_equals(entry->names[named], name);
        bool is_open = !close || close >= client->worker->position;
        if (is_open && !is_named)
            return false;
        named += is_named;
        least += is_open;
    }
    return named == entry->name_count && entry->channel_count == named && least <= named;
}

static void judge_subscribers(struct ask *ask)
{
    struct control *control = ask->control;
    bool listed[ASK_CLIENTS_MAX] = {false};
    bool filters = control->request.channel.len;
    struct control_subscriber entry;
    uint64_t last = control->request.subscriber;
    uint32_t count = 0;
    for (; control_next_subscriber(control, &entry); count++) {
        unsigned i = 0;
        while (i < world->client_count && world->clients[i]->id != entry.id)
            i++;
        if (i == world->client_count)
            fail("a subscriber %016" PRIx64 " is listed that nobody is", entry.id);
        const struct client *client = world->clients[i];
        if (entry.id <= last || listed[i])
            fail("client %u is listed twice, or out of order", i);
        if (!has_those(client, &entry))
            fail("client %u is listed with channels that are not its own", i);
        if (filters && !has_channel(client, ask->channel))
            fail("client %u is listed for a channel that it does not have", i);
        listed[i] = true;
        last = entry.id;
    }
    if (count > control->request.limit)
        fail("a page of %u subscribers has %u", control->request.limit, count);
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        bool within = client->id > control->request.subscriber &&
                      (!control->more || client->id <= last) &&
                      (!filters ||
                       (has_channel(client, ask->channel) && !command_close(client, ask->channel)));
        if (ask->was_open[i] && client->socket->state == SIM_OPEN && within && !listed[i])
            fail("client %u was there all the while, and is not listed", i);
    }
}

/* --- asking ---------------------------------------------------------------------------------- */

static void on_done(struct control *control)
{
    struct ask *ask = control->request.context;
    if (ask->control != control || ask->done)
        fail("a question is answered twice");
    if (control->result < 0 && !(control->result == -ESHUTDOWN && world->draining))
        fail("a question ended with %d", control->result);
    ask->done = true;
}

static void judge_subscriber(const struct client *client, const struct control *control)
{
    bool found = control->result != CONTROL_NONE, open = client->socket->state == SIM_OPEN;
    /* It may have been ended after that, in the same turn. */
    if (found != open && !(found && client->cut))
        fail("client %u is %sfound", client->number, found ? "" : "not ");
}

static void judge(struct ask *ask)
{
    const struct control *control = ask->control;
    trace("a question of kind %u is answered: %d", control->request.kind, control->result);
    if (control->result < 0)
        return;
    switch (control->request.kind) {
    case CONTROL_CHANNELS:
    case CONTROL_CHANNEL:
        judge_channels(ask);
        return;
    case CONTROL_SUBSCRIBERS:
        judge_subscribers(ask);
        return;
    case CONTROL_SUBSCRIBER:
        judge_subscriber(world->clients[ask->client], control);
        return;
    case CONTROL_EXPLAIN:
        fate_judge(world->clients[ask->client], ask->event, control);
        return;
    case CONTROL_END:
    case CONTROL_SEND:
        break; /* steer.c's */
    }
}

void ask_look(const struct world_worker *worker)
{
    for (unsigned i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &asks[i];
        if (!ask->control)
            continue;
        note_channels(ask, worker, false);
        if (!ask->done)
            continue;
        judge(ask);
        control_free(ask->control);
        *ask = (struct ask){.control = NULL};
    }
}

static struct control_request choose(struct ask *ask)
{
    struct sim_random *random = world->random;
    const struct model *model = &world->model;
    struct control_request request = {
        .done = on_done, .context = ask, .limit = 1 + (uint32_t)sim_random_below(random, 4)};
    uint64_t kind = sim_random_below(random, world->options.subscriber_ids ? 8 : 3);
    ask->channel = (unsigned)sim_random_below(random, model->channel_count);
    ask->client = (unsigned)sim_random_below(random, world->client_count + 1);
    bool has_client = ask->client < world->client_count && world->clients[ask->client]->id &&
                      world->clients[ask->client]->joined_ns;
    if (kind == 0) {
        request.kind = CONTROL_CHANNEL;
        request.channel = model->channels[ask->channel].name;
    } else if (kind < 3) {
        request.kind = CONTROL_CHANNELS;
        if (sim_random_one_in(random, 2))
            request.after = model->channels[ask->channel].name;
    } else if (kind < 5 || !has_client) {
        request.kind = CONTROL_SUBSCRIBERS;
        if (has_client && sim_random_one_in(random, 2))
            request.subscriber = world->clients[ask->client]->id;
        if (sim_random_one_in(random, 2))
            request.channel = model->channels[ask->channel].name;
    } else {
        request.kind = kind == 5 ? CONTROL_SUBSCRIBER : CONTROL_EXPLAIN;
        request.subscriber = world->clients[ask->client]->id;
    }
    return request;
}

void ask_step(void)
{
    struct sim_random *random = world->random;
    char id[ID_LEN];
    unsigned i = 0;
    while (i < ASKS_MAX && asks[i].control)
        i++;
    if (i == ASKS_MAX || world->draining || !sim_random_one_in(random, 6))
        return;
    struct ask *ask = &asks[i];
    *ask = (struct ask){.control = NULL};
    struct control_request request = choose(ask);
    if (request.kind == CONTROL_EXPLAIN) {
        ask->event = 1 + sim_random_below(random, hub_next_sequence(world->hub) + 1);
        request.event = fate_id(ask->event, id);
    }
    ask->control = control_new(&request, world->worker_count);
    CHECK(ask->control);
    for (unsigned w = 0; w < world->worker_count; w++)
        note_channels(ask, &world->workers[w], true);
    for (unsigned c = 0; c < world->client_count; c++)
        ask->was_open[c] = world->clients[c]->socket->state == SIM_OPEN && world->clients[c]->id;
    int r = hub_control(world->hub, ask->control);
    if (r == -EBUSY) { /* an operator has as many wishes */
        ask->control = control_free(ask->control);
        return;
    }
    if (r != 0)
        fail("hub_control gave %d", r);
    trace("a question of kind %u", request.kind);
}

void asks_end(void)
{
    for (unsigned i = 0; i < ASKS_MAX; i++) {
        if (asks[i].control && !asks[i].done)
            fail("a question of kind %u is never answered", asks[i].control->request.kind);
        control_free(asks[i].control);
        asks[i] = (struct ask){.control = NULL};
    }
}
