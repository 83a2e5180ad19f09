/* SPDX-License-Identifier: MIT */
/* Addresses of clients: see peer.h. */
#include "net/peer.h"

#include "net/access/forwarded.h"
#include "net/access/proxy_header.h"

/* Who is connected, as far as the kernel knows. */
static struct address of_socket(const struct client *client)
{
    struct sockaddr_storage socket;
    socklen_t len = sizeof(socket);
    if (getpeername(client->connection.fd, (struct sockaddr *)&socket, &len))
        return (struct address){.family = ADDRESS_NONE};
    return address_of_socket((struct sockaddr *)&socket, len);
}

static const struct address *peer_of(struct client *client)
{
    if (!client->peer_known)
        client->peer = of_socket(client);
    client->peer_known = true;
    return &client->peer;
}

enum peer_result peer_read_header(struct client *client, int *ret_status, const char **ret_sentence)
{
    const struct address_ranges *trusted = &service_of(&client->connection)->limits.trusted;
    struct net_stats *stats = &client->connection.loop->stats;
    struct proxy_header header;
    if (trusted->count > 0 && !address_ranges_have(trusted, peer_of(client))) {
        net_count(&stats->connections_refused_untrusted);
        *ret_status = 403;
        *ret_sentence = "this listener is for proxies that --trusted-proxy names";
        return PEER_REFUSED;
    }
    enum proxy_result result =
        proxy_header_read((struct text){client->input, client->len}, &header);
    if (result == PROXY_MORE && !client->connection.ended)
        return PEER_MORE;
    if (result != PROXY_DONE) {
        net_count(&stats->connections_refused_proxy);
        *ret_status = 400;
        *ret_sentence = "the connection does not begin with a header of the PROXY protocol, which "
                        "this listener needs";
        return PEER_REFUSED;
    }
    client->at = header.bytes;
    client->announced = true;
    if (header.source.family != ADDRESS_NONE) {
        client->peer = header.source;
        client->peer_known = true;
    }
    return PEER_ANNOUNCED;
}

struct address peer_of_connection(struct client *client)
{
    return *peer_of(client);
}

struct address peer_of_request(struct client *client)
{
    const struct address_ranges *trusted = &service_of(&client->connection)->limits.trusted;
    const struct address *peer = peer_of(client);
    if (trusted->count == 0)
        return *peer;
    struct forwarded forwarded =
        forwarded_read(trusted, peer, client_text(client, client->parser.request.fields));
    if (forwarded.broken && !client->forwarding_broken)
        net_count(&client->connection.loop->stats.forwarded_broken);
    client->forwarding_broken = forwarded.broken;
    return forwarded.client;
}
