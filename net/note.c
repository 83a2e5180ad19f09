/* SPDX-License-Identifier: MIT */
/* Facts about clients: see note.h. */
#include "net/note.h"

#include "net/http/route.h"
#include "net/peer.h"

static struct journal *journal_of(const struct client *client)
{
    return service_of(&client->connection)->server->journal;
}

/* As the request says, if a proxy that is believed brought it; before there is one, the socket. */
static struct address peer_now(struct client *client)
{
    return client->head_done ? peer_of_request(client) : peer_of_connection(client);
}

/* One request of so many. */
static bool is_sampled(struct service *service)
{
    uint32_t every = service->limits.options.access_log_sample;
    return every <= 1 || service->requests_seen++ % every == 0;
}

void note_answer(struct client *client, int status, size_t bytes)
{
    struct journal *journal = journal_of(client);
    const char *word = TAKE(client->refused_for);
    if (!journal || (!word && !is_sampled(service_of(&client->connection))))
        return;
    const struct http_request *request = &client->parser.request;
    struct fact fact = {.kind = word ? FACT_REFUSED : FACT_REQUEST,
                        .peer = peer_now(client),
                        .status = status,
                        .refusal = text_of(word),
                        .bytes = bytes};
    if (client->head_done) {
        fact.method = client_text(client, request->method_name);
        fact.path = route_path(client_text(client, request->target));
    }
    journal_tell(journal, &fact);
}
