/* SPDX-License-Identifier: MIT */
/* What a client holds of its input between two turns: see client_input.h. */
#include "net/client_input.h"

#include <errno.h>

#define INPUT_BYTES_MIN 4096 /* room for one more read; picked by hand */

void client_input_drop(struct client *client)
{
    if (client->own_input)
        free(client->input);
    client->input = NULL;
    client->own_input = false;
    client->at = client->len = client->capacity = 0;
}

/* Grows our own buffer to at least `capacity`, taking over what lies in the acceptor's. */
static bool own_input(struct client *client, size_t capacity)
{
    if (client->own_input && capacity <= client->capacity)
        return true;
    char *grown = realloc(client->own_input ? client->input : NULL, capacity);
    if (!grown)
        return false;
    if (!client->own_input && client->len)
        memcpy(grown, client->input, client->len);
    client->input = grown;
    client->own_input = true;
    client->capacity = capacity;
    return true;
}

/* Beyond what any small request needs there must be room below memory_max. */
static int reserve(struct client *client, size_t capacity)
{
    bool grows = !client->own_input || capacity > client->capacity;
    if (grows && capacity > INPUT_BYTES_SMALL &&
        hub_memory_is_full(service_of(&client->connection)->hub))
        return HUB_NO_MEMORY;
    return own_input(client, capacity) ? 0 : -ENOMEM;
}

int client_input_reserve(struct client *client, size_t more)
{
    return reserve(client, client->at + more + INPUT_BYTES_MIN);
}

/* Within a request the offsets must stay as they are; between two, what was parsed is let go. */
int client_input_keep(struct client *client)
{
    if (!client->request_done && http_parser_begun(&client->parser))
        return reserve(client, client->len + (client->own_input ? 0 : INPUT_BYTES_MIN));
    if (client->at == client->len) {
        client_input_drop(client); /* of a request that has not begun no offset is kept */
        return 0;
    }
    /* Moved only when it is less than half, so that many small requests cost no more than one copy.
     */
    if (!client->own_input || client->at > client->len / 2) {
        client->len -= client->at;
        memmove(client->input, client->input + client->at, client->len);
        client->at = 0;
    }
    /* Further requests that came with this one: one read's worth at most. */
    return own_input(client, client->len + (client->own_input ? 0 : INPUT_BYTES_MIN)) ? 0 : -ENOMEM;
}

int client_input_read(struct client *client)
{
    struct service *service = service_of(&client->connection);
    if (!client->input) {
        client->input = service->loop.input;
        client->at = 0;
        client->len =
            connection_read(&client->connection, service->loop.input, sizeof(service->loop.input));
        return 0;
    }
    if (client->capacity - client->len < INPUT_BYTES_MIN) {
        int r = reserve(client, client->capacity * 2 + INPUT_BYTES_MIN);
        if (r)
            return r;
    }
    client->len += connection_read(&client->connection, client->input + client->len,
                                   client->capacity - client->len);
    return 0;
}
