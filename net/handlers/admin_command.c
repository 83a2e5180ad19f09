/* SPDX-License-Identifier: MIT */
/* Commands and their wait for room: see admin_command.h. */
#include "net/handlers/admin_command.h"

#include <errno.h>

#include "net/answer.h"
#include "net/service.h"

struct waiting_command {
    struct pending pending; /* first */
    struct waiter waiter;
    size_t channel_len; /* 0: everybody's stream */
    char channel[CHANNEL_BYTES_MAX];
};

/* One attempt. WAITING: there is no room. */
static enum handler_result try_once(struct client *client, struct text channel)
{
    struct hub *hub = service_of(&client->connection)->hub;
    int r = channel.len ? hub_close_channel(hub, channel) : hub_kick(hub);
    if (r == HUB_BUSY)
        return WAITING;
    if (r == 0)
        return answer_send(client, &(struct answer){.status = 204});
    client->close_after |= r == -ESHUTDOWN;
    return answer_error(client, 503,
                        r == -ESHUTDOWN ? CLIENT_STOPPING : "the server is out of memory");
}

static enum handler_result on_retry(struct client *client, struct pending *pending)
{
    struct waiting_command *command = (struct waiting_command *)pending;
    return try_once(client, (struct text){command->channel, command->channel_len});
}

static enum handler_result on_expire(struct client *client, struct pending *pending)
{
    (void)pending;
    net_count(&service_of(&client->connection)->loop.stats.publishes_refused_busy);
    return answer_error(client, 503, "the server has no room for it now, try again");
}

static void on_free(struct client *client, struct pending *pending)
{
    struct waiting_command *command = (struct waiting_command *)pending;
    waiters_remove(&service_of(&client->connection)->waiters, &command->waiter);
    free(command);
}

static const struct pending_operations pending_operations = {
    .retry = on_retry,
    .expire = on_expire,
    .free = on_free,
    .deadline = DEADLINE_ROOM,
};

static enum handler_result begin(struct client *client, struct text channel)
{
    struct service *service = service_of(&client->connection);
    enum handler_result result = try_once(client, channel);
    if (result != WAITING)
        return result;
    struct waiting_command *command = calloc(1, sizeof(*command));
    if (!command || pending_begin(&service->pendings, &command->pending, &pending_operations,
                                  &client->connection)) {
        free(command);
        return answer_error(client, 503, "the server is out of memory");
    }
    CHECK(channel.len <= sizeof(command->channel));
    memcpy(command->channel, channel.at, channel.len);
    command->channel_len = channel.len;
    command->pending.bytes = sizeof(*command);
    client_unwait(client);
    client->pending = &command->pending;
    waiters_add(&service->waiters, &command->waiter, &client->connection, NULL, 0);
    /* Once more after arming: room that appeared since the refusal would not be told. */
    waiters_arm(&service->waiters);
    return on_retry(client, client->pending);
}

enum handler_result admin_command_close(struct client *client, struct text channel)
{
    return begin(client, channel);
}

enum handler_result admin_command_kick(struct client *client)
{
    return begin(client, TEXT(""));
}
