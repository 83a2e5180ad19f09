/* SPDX-License-Identifier: MIT */
/* See first.h. */
#include "tests/sim/first.h"

#include "engine/hub.h"
#include "tests/sim/fail.h"

static struct text data_of(unsigned number, char room[32])
{
    return (struct text){room, (size_t)snprintf(room, 32, "private, first %u", number)};
}

void first_make(struct client *client)
{
    char data[32];
    for (unsigned i = 0; i < client->first_count; i++) {
        struct event event = {.data = data_of(i, data), .retry_ms = -1};
        int r = hub_private_frame(&event, &client->first[i]);
        CHECK(r == 0);
    }
}

void first_take_back(struct client *client)
{
    for (unsigned i = 0; i < client->first_count; i++)
        frame_unref(client->first[i]);
}

void first_read(struct client *client, const struct block *block)
{
    char data[32];
    struct text wanted = data_of(client->first_seen++, data);
    if (!text_equals(block->data, wanted) || block->has_id || block->has_type || block->has_retry)
        fail("client %u reads \"%.*s\", expected \"%.*s\"", client->number, (int)block->data.len,
             block->data.at, (int)wanted.len, wanted.at);
}
