/* SPDX-License-Identifier: MIT */
/* See presence.h. */
#include "tests/sim/presence.h"

#include "engine/base/clock.h"
#include "engine/base/list.h"
#include "net/presence_count.h"
#include "tests/sim/command.h"
#include "tests/sim/fail.h"
#include "tests/sim/world.h"

static struct {
    struct presence_count counts[MODEL_CHANNELS_MAX];
    uint64_t told[MODEL_CHANNELS_MAX]; /* the last numbers */
    struct presence_news news;         /* of an event that is under way */
    unsigned channel;                  /* its own; MODEL_CHANNELS_MAX: none is */
    uint32_t chance;
} presence;

static unsigned below(unsigned most)
{
    presence.chance = presence.chance * 1103515245u + 12345u;
    return (presence.chance >> 16) % most;
}

void presence_begin(uint64_t seed)
{
    presence.chance = (uint32_t)seed;
    presence.channel = MODEL_CHANNELS_MAX;
    /* A few are a crowd here, in some of the channels. */
    for (unsigned i = 0; i < MODEL_CHANNELS_MAX; i++)
        presence_count_init(&presence.counts[i], below(6), 1 + below(4));
}

void presence_end(void)
{
    for (unsigned i = 0; i < MODEL_CHANNELS_MAX; i++) {
        if (presence.counts[i].there)
            fail("%u clients of channel %u are there at the end",
                 (unsigned)presence.counts[i].there, i);
        presence_count_deinit(&presence.counts[i]);
    }
    memset(&presence, 0, sizeof(presence));
}

static void change(const struct client *client, unsigned channel, bool joins)
{
    struct presence_count *count = &presence.counts[channel];
    if (!joins && count->there == 0)
        fail("client %u leaves a channel where nobody is", client->number);
    presence_change(count, joins, client->number + 1);
}

static void change_all(const struct client *client, bool joins)
{
    for (unsigned i = 0; i < client->channel_count; i++)
        if (!client->let_go[i])
            change(client, client->channels[i], joins);
}

static void let_go(struct seat *seat, struct text name)
{
    struct client *client = LINK_OWNER(seat, struct client, seat);
    unsigned i = 0;
    while (i < client->channel_count &&
           !text_equals(world->model.channels[client->channels[i]].name, name))
        i++;
    if (!client->taken || client->left || i == client->channel_count ||
        !command_close(client, client->channels[i]))
        fail("client %u is told of a close that is none of its own", client->number);
    if (!client->let_go[i])
        change(client, client->channels[i], false);
    client->let_go[i] = true;
}

static void take(struct seat *seat, const struct seat_begin *begin)
{
    struct client *client = LINK_OWNER(seat, struct client, seat);
    (void)begin;
    if (!client->seated || client->taken || client->left)
        fail("client %u takes a seat that it has not got", client->number);
    client->taken = true;
    change_all(client, true);
}

static void leave(struct seat *seat, const struct seat_end *end)
{
    struct client *client = LINK_OWNER(seat, struct client, seat);
    if (!client->seated || client->left)
        fail("client %u leaves a seat that it has not got", client->number);
    if (end->reason == CLOSE_NONE)
        fail("client %u leaves its seat for no reason", client->number);
    client->left = true;
    if (client->taken)
        change_all(client, false);
}

void presence_seat(struct client *client)
{
    client->seat = (struct seat){.taken = take, .leave = leave, .closed = let_go};
    client->seated = client->number % 2 == 0;
}

static void settle(bool room)
{
    unsigned channel = presence.channel;
    const struct presence_news *news = &presence.news;
    uint64_t before = presence.told[channel];
    presence.channel = MODEL_CHANNELS_MAX;
    if (!room) {
        presence_put_off(&presence.counts[channel], news);
        return;
    }
    if (news->there == before || news->joins != (news->there > before))
        fail("channel %u: %s is told, %u after %u", channel, news->joins ? "a join" : "a leave",
             (unsigned)news->there, (unsigned)before);
    if (news->alone && news->there + 1 != before && news->there != before + 1)
        fail("channel %u: one client makes %u of %u", channel, (unsigned)news->there,
             (unsigned)before);
    presence.told[channel] = news->there;
    presence_told(&presence.counts[channel], news, clock_ns());
}

/* At this time. True if there is nothing to tell. */
static bool begin_one(unsigned channel, int64_t now_ns)
{
    int64_t due_ns;
    enum presence_step step =
        presence_next(&presence.counts[channel], now_ns, &presence.news, &due_ns);
    if (step == PRESENCE_NEWS)
        presence.channel = channel;
    return step == PRESENCE_NOTHING;
}

void presence_step(void)
{
    if (presence.channel < MODEL_CHANNELS_MAX)
        settle(below(3) > 0);
    else
        (void)begin_one(below(world->model.channel_count), clock_ns());
}

void presence_rest(void)
{
    uint64_t wanted[MODEL_CHANNELS_MAX] = {0};
    for (unsigned i = 0; i < world->client_count; i++) {
        const struct client *client = world->clients[i];
        for (unsigned j = 0; j < client->channel_count; j++)
            wanted[client->channels[j]] += client->seated && client_is_connected(client) &&
                                           !command_close(client, client->channels[j]);
    }
    for (unsigned i = 0; i < MODEL_CHANNELS_MAX; i++) {
        for (;;) {
            if (presence.channel < MODEL_CHANNELS_MAX)
                settle(true);
            if (begin_one(i, INT64_MAX))
                break;
        }
        if (presence.told[i] != wanted[i])
            fail("channel %u: %u clients are told, %u are there, although everything is quiet", i,
                 (unsigned)presence.told[i], (unsigned)wanted[i]);
    }
}
