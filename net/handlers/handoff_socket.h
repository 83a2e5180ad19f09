/* SPDX-License-Identifier: MIT */
/*
 * The hand-off socket: a SOCK_SEQPACKET socket file, on which one message with one descriptor makes
 * the connection behind that a stream (docs/formats.md, "Hand-overs"), and is answered with one
 * message: {"subscriber": "ID"}, or {"error": "..."}.
 *
 * A connection may bring any number of them, one after the other, or close behind the first without
 * waiting for its answer, which is lost then. Who does not read its answers is closed. Descriptors
 * are the server's from the moment at which they come: taken, or answered and closed.
 *
 * Belongs to its acceptor's thread.
 */
#pragma once

#include "net/service.h"

/* What accept.c makes of such a connection. */
extern const struct connection_kind handoff_socket_kind;
