/* SPDX-License-Identifier: MIT */
/*
 * Who a client is, by address: whom the socket says, or a PROXY header in front of the connection,
 * or, for each request of a trusted proxy, X-Forwarded-For or Forwarded.
 *
 * A listener with the PROXY protocol (listener.h, `proxied`) has a header in front of every
 * connection, and where trusted proxies are named it is for them alone. A connection without one,
 * or with a malformed one, is answered and closed; nothing behind it is looked at. The header is
 * read within the time that a connection has to its first byte.
 *
 * Nothing is asked or read for who does not want to know. Belongs to the acceptor's thread.
 */
#pragma once

#include "net/access/address.h"
#include "net/client.h"

enum peer_result { PEER_ANNOUNCED, PEER_MORE, PEER_REFUSED };

/* Reads the header that the client's input begins with. PEER_REFUSED: with this status and
 * sentence, and it was counted. */
MUST_USE enum peer_result peer_read_header(struct client *client, int *ret_status,
                                           const char **ret_sentence);

/* Who the request is of. While its head is in the input, from the end of that on. */
struct address peer_of_request(struct client *client);
/* Who the connection is of: whom the socket says, or the PROXY header. */
struct address peer_of_connection(struct client *client);
