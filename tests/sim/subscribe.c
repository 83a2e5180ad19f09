/* SPDX-License-Identifier: MIT */
/* Clients: what they ask for, when they are handed over, and what happens to them. */
#include "tests/sim/world.h"

#include <inttypes.h>

#include "tests/sim/ask.h"
#include "tests/sim/ended.h"
#include "tests/sim/fail.h"
#include "tests/sim/first.h"
#include "tests/sim/ruled.h"

#define CLIENTS_MAX 80

static struct sim_random *chance(void)
{
    return world->random;
}

/* --- what it asks for ------------------------------------------------------------------------ */

static void choose_channels(struct client *client)
{
    unsigned wanted =
        sim_random_one_in(chance(), 2) ? 1 : 1 + (unsigned)sim_random_below(chance(), 4);
    for (unsigned i = 0; i < wanted; i++) {
        unsigned channel = (unsigned)sim_random_below(chance(), world->model.channel_count);
        bool known = false;
        for (unsigned k = 0; k < client->channel_count; k++)
            known |= client->channels[k] == channel;
        if (!known)
            client->channels[client->channel_count++] = channel;
    }
}

static void put_own_id(struct bytes *resume, const struct ids *ids, uint64_t sequence)
{
    char id[ID_LEN];
    id_format(id, ids, sequence);
    bytes_add(resume, id, sizeof(id));
}

/* Of another start of the server. */
static void put_old_id(struct bytes *resume, const struct ids *ids, uint64_t sequence)
{
    char id[ID_LEN];
    id_format(id, ids, sequence);
    id[0] = id[0] == '0' ? '1' : '0';
    bytes_add(resume, id, sizeof(id));
}

/* What reached an earlier client: its bytes but for those that its connection still held. */
static bool resume_as_earlier(struct client *client, bool same_channels)
{
    if (world->client_count == 0)
        return false;
    const struct client *earlier = world->clients[sim_random_below(chance(), world->client_count)];
    const struct sim_socket *socket = earlier->socket;
    if (!client_last_id(earlier, socket->taken - socket->used, &client->resume))
        return false;
    if (same_channels) {
        memcpy(client->channels, earlier->channels, sizeof(client->channels));
        client->channel_count = earlier->channel_count;
    }
    return true;
}

static void put_garbage(struct bytes *resume)
{
    static const char *const garbage[] = {"",           " leading",
                                          "tab\there",  "\xff\xfe",
                                          "C2\xc2\x85", "0123456789ab-0123456789abcdeF",
                                          "unheard of"};
    const char *text = garbage[sim_random_below(chance(), 7)];
    bytes_add(resume, text, strlen(text));
    if (sim_random_one_in(chance(), 8))
        for (int i = 0; i < 129; i++)
            bytes_add(resume, "x", 1);
}

static void choose_resume(struct client *client)
{
    const struct ids *ids = client->ids;
    char id[24];
    client->has_resume = true;
    switch (sim_random_below(chance(), 12)) {
    case 0:
        put_own_id(&client->resume, ids, sim_random_below(chance(), client->before));
        return;
    case 1: /* the future */
        put_own_id(&client->resume, ids,
                   client->before + sim_random_below(chance(), 4) * sim_random_below(chance(), 99));
        return;
    case 2:
        put_old_id(&client->resume, ids, sim_random_below(chance(), 2 * client->before));
        return;
    case 3:
        put_garbage(&client->resume);
        return;
    case 4:
    case 5:
        snprintf(id, sizeof(id), "given %u",
                 (unsigned)sim_random_below(chance(), sim_random_one_in(chance(), 4) ? 4096 : 4));
        bytes_add(&client->resume, id, strlen(id));
        return;
    default:
        client->has_resume = resume_as_earlier(client, !sim_random_one_in(chance(), 5));
    }
}

/* --- what it is like ------------------------------------------------------------------------- */

static void choose_peer(struct client *client)
{
    struct sim_socket *socket = client->socket;
    const struct hub_options *options = &world->options;
    uint32_t window = (uint32_t)(options->slow_rate * options->slow_after_ms / 1000);
    switch (sim_random_below(chance(), 8)) {
    case 0: /* stopped */
        socket->rate = 0;
        socket->capacity = 1 + (uint32_t)sim_random_below(chance(), 40000);
        break;
    case 1: /* drips */
        socket->rate = 1 + sim_random_below(chance(), options->slow_rate);
        socket->capacity = 1 + (uint32_t)sim_random_below(chance(), 4000);
        break;
    case 2: /* a tiny buffer */
        socket->capacity = 1 + (uint32_t)sim_random_below(chance(), 300);
        break;
    case 3: /* large and slow */
        socket->rate = 1 + options->slow_rate / 2;
        socket->capacity = 1 + (uint32_t)sim_random_below(chance(), 200000);
        break;
    case 4: /* reads steadily */
    case 5:
        client->strict = true;
        socket->rate = options->slow_rate * sim_random_between(chance(), 4, 20);
        socket->capacity = window * (uint32_t)sim_random_between(chance(), 2, 3) + 64;
        break;
    default: /* reads everything at once */
        client->strict = client->instant = true;
        socket->capacity = 2 * window + 65536 + (uint32_t)sim_random_below(chance(), 1u << 20);
    }
    /* No event is to take for ever. */
    if (socket->capacity < world->model.largest / 256)
        socket->capacity += world->model.largest / 256;
    socket->writable_below = (uint32_t)sim_random_below(chance(), socket->capacity);
    if (world->mischief && !client->strict)
        socket->mischief = 3 + (uint32_t)sim_random_below(chance(), 10);
}

/* --- requests -------------------------------------------------------------------------------- */

static struct client *client_new(void)
{
    struct client *client = calloc(1, sizeof(*client));
    CHECK(client);
    client->number = world->client_count;
    client->model = &world->model;
    client->options = &world->options;
    client->ids = hub_ids(world->hub);
    client->draining = &world->draining;
    client->before = hub_next_sequence(world->hub);
    client->socket = sim_socket_new(&world->sim);
    client->socket->context = client;
    if (world->client_count == world->client_size) {
        world->client_size = world->client_size ? world->client_size * 2 : 32;
        world->clients = realloc(world->clients, world->client_size * sizeof(*world->clients));
        world->requests = realloc(world->requests, world->client_size * sizeof(*world->requests));
        CHECK(world->clients && world->requests);
    }
    return client;
}

void request_step(void)
{
    if (world->draining || world->client_count == CLIENTS_MAX)
        return;
    struct client *client = client_new();
    choose_channels(client);
    if (!sim_random_one_in(chance(), 3))
        choose_resume(client);
    client->plain = sim_random_one_in(chance(), 5);
    client->bare = sim_random_one_in(chance(), 5);
    if (sim_random_one_in(chance(), 4))
        client->limit = 1 + (uint32_t)sim_random_below(chance(), 12);
    if (sim_random_one_in(chance(), 4))
        client->last = 1 + (uint32_t)sim_random_below(chance(), 40);
    if (sim_random_one_in(chance(), 4))
        client->ends_ns =
            world->sim.now_ns + 1 + (int64_t)sim_random_below(chance(), 3000) * 1000000;
    client->polls = sim_random_one_in(chance(), 6);
    if (client->polls && !sim_random_one_in(chance(), 3))
        client->wait_ms = 1000 * (1 + (uint32_t)sim_random_below(chance(), 30));
    if (sim_random_one_in(chance(), 30))
        client->last = UINT32_MAX;
    client->head_sent = sim_random_one_in(chance(), 5);
    if (sim_random_one_in(chance(), 4))
        client->first_count = 1 + (unsigned)sim_random_below(chance(), CLIENT_FIRST_MAX);
    if (sim_random_one_in(chance(), 4))
        client->since = 1 + sim_random_below(chance(), client->before);
    choose_peer(client);
    world->requests[world->request_count++] = client->number;
    world->clients[world->client_count++] = client;
    trace("client %u asks: %u channels, B %" PRIu64 ", resume \"%s\", since %" PRIu64
          ", limit %u, last %u%s%s%s",
          client->number, client->channel_count, client->before,
          client->has_resume ? client->resume.at ? client->resume.at : "" : "(none)", client->since,
          client->limit, client->last, client->plain ? ", plain" : "",
          client->strict ? ", strict" : "",
          client->polls ? client->wait_ms ? ", waits" : ", does not wait" : "");
}

static void expect_full(void)
{
    for (unsigned i = 0; i < world->worker_count; i++) {
        struct worker *worker = world->workers[i].worker;
        if (atomic_load(&worker->reserved) < world->options.worker_subscribers)
            fail("a client is refused although worker %u has room", i);
    }
}

/* Its channel's rule says so: whatever it asked for, its stream ends with its first event, and
 * begins with its request. */
static void is_for_one(struct client *client)
{
    client->once = true;
    client->limit = 1;
    client->last = 0;
}

void hand_over_step(void)
{
    if (world->request_count == 0)
        return;
    unsigned at = (unsigned)sim_random_below(chance(), world->request_count);
    struct client *client = world->clients[world->requests[at]];
    world->requests[at] = world->requests[--world->request_count];
    struct text channels[MODEL_CHANNELS_MAX];
    struct subscribe_request request = client_request(client, channels);
    uint64_t id = 0;
    int r = hub_subscribe(world->hub, &request, &id);
    if (client->channel_count == 1 && ruled_now(client->channels[0])->once)
        is_for_one(client);
    trace("client %u is handed over: %d", client->number, r);
    if (r == HUB_FULL) {
        expect_full();
        client->socket->state = SIM_REFUSED;
        client->seated = false;
        first_take_back(client);
        world->refused++;
        return;
    }
    if (r != 0)
        fail("client %u: hub_subscribe gave %d", client->number, r);
    if (world->options.subscriber_ids ? id <= world->newest_id : id != 0)
        fail("client %u is called %" PRIu64 ", behind %" PRIu64, client->number, id,
             world->newest_id);
    client->id = id;
    world->newest_id = id;
}

/* --- what happens to it ---------------------------------------------------------------------- */

bool client_is_connected(const struct client *client)
{
    /* Who asked for so many events gets them although it sends no more. */
    return client->socket->state == SIM_OPEN && !client->socket->reset &&
           (!client->socket->half_closed || client->limit || client->polls);
}

void mishap_step(void)
{
    if (world->client_count == 0)
        return;
    struct client *client = world->clients[sim_random_below(chance(), world->client_count)];
    struct sim_socket *socket = client->socket;
    if (socket->state > SIM_OPEN)
        return;
    sim_socket_settle(&world->sim, socket);
    switch (sim_random_below(chance(), 5)) {
    case 0:
        socket->reset = world->deaths = true;
        break;
    case 1:
        socket->half_closed = world->deaths = true;
        break;
    case 2:
        client->strict = client->instant = false;
        socket->rate = 0;
        break;
    default:
        socket->rate = SIM_RATE_ALL;
    }
    trace("client %u: %s", client->number,
          socket->reset         ? "its connection breaks"
          : socket->half_closed ? "it sends no more"
          : socket->rate == 0   ? "it stops reading"
                                : "it reads");
}

void on_open(void *context, struct sim_socket *socket)
{
    (void)context;
    struct client *client = socket->context;
    struct world_worker *worker = world_worker_of(socket->io);
    client->evicted = worker->evicted;
    client_join(client, worker->worker);
    ask_joined(worker);
    world->joined++;
    trace("client %u joins worker %u: header %s, %u gaps", client->number, worker->index,
          client->header, client->gap_count);
}

/* Its socket has room for nothing, or may say so without need. */
static bool is_full(struct sim_socket *socket)
{
    sim_socket_settle(&world->sim, socket);
    return socket->used >= socket->capacity || socket->mischief;
}

/* A worker closes a connection: there must be a reason. */
void on_close(void *context, struct sim_socket *socket)
{
    (void)context;
    struct client *client = socket->context;
    struct world_worker *worker = world_worker_of(socket->io);
    look_at_evicted(worker);
    client_read(client);
    trace("client %u is closed after %u events", client->number, client->events);
    bool left = socket->half_closed && !client->limit && !client->polls;
    if (socket->reset || left || client->cut || client_is_complete(client))
        return;
    /* Frames that go alone take a turn each, of which there may be too few. */
    bool alone = worker->worker->catch_up.arena.bytes_size < 2 * CATCH_UP_BYTES;
    if (world->draining && world->sim.now_ns >= world->drain_due_ns && (!client->instant || alone))
        return;
    if (!client->strict && ended_long_ago(client))
        return;
    if (!client->strict && client_has_expired(client, EXPIRED_GRACE_MS * INT64_C(1000000)))
        return;
    if (worker->worker->subscribers[socket->owner].ending == CLOSE_STUCK) {
        if (client->strict || !is_full(socket) || !world->options.write_timeout_ms ||
            world->options.stuck != STUCK_DISCONNECT)
            fail("client %u is closed as stuck although its socket takes bytes", client->number);
        return;
    }
    /* An event that was read without its chunk's end is not served yet. */
    bool begun = client_whole_events(client) != client->events, passed = false;
    for (unsigned i = 0; i < client->channel_count; i++)
        passed |=
            worker->evicted[client->channels[i]] + begun > client->through[client->channels[i]];
    passed |= worker->evicted[MODEL_ALL] + begun > client->through[MODEL_ALL];
    if (client->strict || !passed || world->options.slow != SLOW_DISCONNECT)
        fail("client %u is closed for no reason after %u events%s", client->number, client->events,
             client->strict ? ", although it reads" : "");
}
