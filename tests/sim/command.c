/* SPDX-License-Identifier: MIT */
/* See command.h. */
#include "tests/sim/command.h"

#include <errno.h>
#include <inttypes.h>

#include "tests/sim/ended.h"
#include "tests/sim/fail.h"
#include "tests/sim/world.h"

void command_step(void)
{
    const struct model *model = &world->model;
    if (!model->commands_one_in || !sim_random_one_in(world->random, model->commands_one_in))
        return;
    unsigned channel = (unsigned)sim_random_below(world->random, model->channel_count);
    bool kicks = sim_random_one_in(world->random, 4);
    bool at_once = kicks && sim_random_one_in(world->random, 3);
    int r = at_once ? hub_cut(world->hub)
            : kicks ? hub_kick(world->hub)
                    : hub_close_channel(world->hub, model->channels[channel].name);
    if (r != 0 && !(r == -ESHUTDOWN && world->draining) && r != HUB_BUSY)
        fail("a command gave %d", r);
    world->commands += r == 0;
}

/* Whoever has asked for a stream may be cut, in the middle of whatever. */
static void cut_all(void)
{
    for (unsigned i = 0; i < world->client_count; i++)
        world->clients[i]->cut = true;
}

void command_stamped(const struct frame *frame, uint64_t sequence)
{
    struct model *model = &world->model;
    model_add_command(model, sequence);
    if (frame->flags & FRAME_KICKS) {
        bool at_once = frame->flags & FRAME_AT_ONCE;
        trace("a kick at %" PRIu64 "%s", sequence, at_once ? ", at once" : "");
        if (at_once)
            cut_all();
        model_add_close(model, MODEL_NO_CHANNEL, sequence);
        return;
    }
    unsigned channel = 0;
    while (!text_equals(model->channels[channel].name, frame_channel(frame)))
        channel++;
    trace("channel %u is closed at %" PRIu64, channel, sequence);
    model_add_close(model, channel, sequence);
    ended_closed(channel, sequence);
}

uint64_t command_close(const struct client *client, unsigned channel)
{
    return model_close_from(client->model, channel, client->joined_at);
}

uint64_t command_kick(const struct client *client)
{
    return model_close_from(client->model, MODEL_NO_CHANNEL, client->before);
}
