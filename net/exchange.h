/* SPDX-License-Identifier: MIT */
/*
 * HTTP exchanges: an HTTP connection, until it is closed or its socket is handed to a worker.
 *
 * States: reading a request (or idle between two) -> either answered, or handed off as a
 * subscriber, or waiting (client->pending) and then answered -> writing, until the peer has taken
 * the answer -> reading the next request, or finishing (connection.h). One request a turn;
 * pipelined ones wait in the input and get their turn in the next round. While an answer is not
 * taken no further request is read.
 *
 * A request's route is matched once, when its head is complete; what answers it is the row's
 * handler (handler.h). What no handler needs to know is answered here: requests that are malformed,
 * too slow or of an unknown path, OPTIONS, and all of them when the server stops.
 *
 * Belongs to the acceptor's thread.
 */
#pragma once

#include "net/service.h"

/* What accept.c makes of an HTTP connection. */
extern const struct connection_kind exchange_kind;
/* And of one over the administration's listener. */
extern const struct connection_kind exchange_admin_kind;
