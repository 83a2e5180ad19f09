/* SPDX-License-Identifier: MIT */
/*
 * The input of a client: in the acceptor's buffer during a turn, in one of its own if something is
 * left of it then.
 *
 * An own buffer grows with its request, up to the largest body that is allowed. While memory_max is
 * reached only a small one (INPUT_BYTES_SMALL) may: HUB_NO_MEMORY is for the client to be told.
 * Requests that came behind the current one are kept in any case, for they cannot be answered yet;
 * they are one read's worth at most.
 *
 * Belongs to the acceptor's thread. Parses nothing: that is client.c, which calls this.
 */
#pragma once

#include "net/client.h"

/* Reads once behind what is there. 0, HUB_NO_MEMORY or -ENOMEM. */
MUST_USE int client_input_read(struct client *client);
/* Room for so many more bytes behind what is parsed, in one step. 0, HUB_NO_MEMORY or -ENOMEM. */
MUST_USE int client_input_reserve(struct client *client, size_t more);
/* At the end of a turn: what is not used up moves out of the acceptor's buffer. 0, HUB_NO_MEMORY or
 * -ENOMEM. */
MUST_USE int client_input_keep(struct client *client);
void client_input_drop(struct client *client);
