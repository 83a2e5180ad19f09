/* SPDX-License-Identifier: MIT */
/* See steer.h. */
#include "tests/sim/steer.h"

#include <errno.h>
#include <inttypes.h>

#include "engine/base/list.h"
#include "tests/sim/fail.h"
#include "tests/sim/world.h"

/* An event for a client alone, or the wish that it ends. */
struct wish {
    struct wish *next;
    struct client *client;
    struct control *control; /* NULL: it was answered */
    unsigned number;
    uint64_t after;  /* everything that was published before this comes first */
    uint64_t before; /* and what has this number or a higher one behind it; 0: not known yet */
};

static void on_done(struct control *control)
{
    struct wish *wish = control->request.context;
    struct client *client = wish->client;
    int result = control->result;
    bool sends = control->request.kind == CONTROL_SEND;
    trace("client %u: %s %u is answered with %d", client->number, sends ? "event" : "end",
          wish->number, result);
    wish->before = hub_next_sequence(world->hub);
    wish->control = control_free(control);
    if (result == CONTROL_NONE && client->socket->state == SIM_WAITING)
        fail("client %u has not joined, and a wish for it is answered", client->number);
    if ((result == -ESHUTDOWN && world->draining) || result == -EBUSY)
        result = CONTROL_NONE;
    if (result == CONTROL_FULL && (!sends || client->wish_count < 2))
        fail("client %u has no room for an event of its own", client->number);
    if (result < 0)
        fail("client %u: a wish is answered with %d", client->number, result);
    if (result == 0 && client->socket->state != SIM_OPEN && !client->cut)
        fail("client %u is gone, and a wish for it is done", client->number);
    if (result == 0 && sends) {
        client->wish_count++;
        return; /* it is to come */
    }
    if (result == 0 && (!client->ended_at || wish->after < client->ended_at))
        client->ended_at = wish->after;
    struct wish **link = &client->wishes;
    while (*link != wish)
        link = &(*link)->next;
    *link = wish->next;
    free(wish);
}

static struct frame *frame_of(unsigned number)
{
    struct frame *frame;
    static char data[100000];
    size_t most = sim_random_one_in(world->random, 4) ? sizeof(data) : 200;
    size_t len = (size_t)sim_random_between(world->random, 30, most);
    memset(data, 'p', len);
    int head = snprintf(data, sizeof(data), "private %u", number);
    data[head] = '\n';
    struct event event = {
        .type = TEXT("own"), .id = TEXT("none"), .data = {data, len}, .retry_ms = -1};
    int r = hub_private_frame(&event, &frame);
    CHECK(r == 0);
    return frame;
}

static void steer(struct client *client, bool sends)
{
    struct wish *wish = calloc(1, sizeof(*wish));
    CHECK(wish);
    wish->client = client;
    wish->number = client->wish_number++;
    wish->after = hub_next_sequence(world->hub);
    struct wish **link = &client->wishes;
    while (*link)
        link = &(*link)->next;
    *link = wish;
    client->cut |= !sends && sim_random_one_in(world->random, 2);
    struct control_request request = {.kind = sends ? CONTROL_SEND : CONTROL_END,
                                      .subscriber = client->id,
                                      .at_once = !sends && client->cut,
                                      .frame = sends ? frame_of(wish->number) : NULL,
                                      .done = on_done,
                                      .context = wish};
    wish->control = control_new(&request, world->worker_count);
    CHECK(wish->control);
    trace("client %u: %s %u is wished for", client->number, sends ? "event" : "end", wish->number);
    int r = hub_control(world->hub, wish->control);
    if (r == 0)
        return;
    if (r != -EBUSY && !world->draining)
        fail("a wish gave %d", r);
    wish->control->result = -EBUSY; /* of one that is never asked for */
    on_done(wish->control);
}

void steer_step(void)
{
    const struct model *model = &world->model;
    if (!model->commands_one_in ||
        !sim_random_one_in(world->random, 1 + model->commands_one_in / 4) ||
        !world->options.subscriber_ids || world->client_count == 0)
        return;
    struct client *client = world->clients[sim_random_below(world->random, world->client_count)];
    bool sends = !sim_random_one_in(world->random, 8);
    uint64_t count = sim_random_one_in(world->random, 8) ? 80 : 1;
    if (!client->id || (client->socket->state > SIM_OPEN && !sim_random_one_in(world->random, 8)))
        return;
    for (; count > 0; count--)
        steer(client, sends);
}

/* The next one that is to come and may. */
static struct wish *first_event(const struct client *client)
{
    struct wish *wish = client->wishes;
    while (wish && wish->control && wish->control->request.kind != CONTROL_SEND)
        wish = wish->next;
    return wish;
}

void steer_read(struct client *client, const struct block *block)
{
    struct wish *wish = first_event(client);
    char wanted[32];
    int len = snprintf(wanted, sizeof(wanted), "private %u\n", wish ? wish->number : 0);
    if (!wish || block->data.len < (size_t)len || memcmp(block->data.at, wanted, (size_t)len) != 0)
        fail("client %u reads \"%.*s\", expected \"%.*s\"", client->number,
             (int)strcspn(block->data.at, "\n"), block->data.at, wish ? len - 1 : 0, wanted);
    if (block->has_id || !text_equals(block->type, TEXT("own")))
        fail("client %u: an event of its own has %s", client->number,
             block->has_id ? "an id" : "another type");
    uint64_t next = client_next(client);
    if (next && next < wish->after)
        fail("client %u: its event %u overtakes event %" PRIu64, client->number, wish->number,
             next);
    if (wish->control)
        fail("client %u: its event %u comes before it is answered", client->number, wish->number);
    client->wishes = wish->next;
    client->wish_count--;
    free(wish);
    client->events++;
    client->event_is_latest = true;
    if (client->events > client_most(client))
        fail("client %u: more than %u events", client->number, client_most(client));
}

void steer_passed(const struct client *client, uint64_t sequence)
{
    for (const struct wish *wish = client->wishes; wish; wish = wish->next)
        if (!wish->control && wish->before <= sequence)
            fail("client %u reads event %" PRIu64 ", before its own event %u", client->number,
                 sequence, wish->number);
}

void steer_rest(const struct client *client)
{
    for (const struct wish *wish = client->wishes; wish; wish = wish->next)
        fail("client %u lacks its own event %u although everything is quiet", client->number,
             wish->number);
}

void steer_free(struct client *client)
{
    while (client->wishes) {
        struct wish *wish = client->wishes;
        CHECK(!wish->control);
        client->wishes = wish->next;
        free(wish);
    }
}
