/* SPDX-License-Identifier: MIT */
/*
 * Admission: whether a request may do what it asks, looked at once, when its head is complete and
 * before a byte of its body is read.
 *
 * The checks are a table, asked in their order; the first that refuses answers the request. One may
 * answer later: it leaves a struct pending behind and says UNDECIDED, and is asked again when that
 * says ADMIT. A route that is refused anyway, and OPTIONS, which only asks what would be allowed,
 * are let in by the checks that are about what a request does.
 *
 * Over the administration's listener there is one check, and none of the others (admin_check.h).
 *
 * What a check finds is kept in the client, for the handler. Belongs to the acceptor's thread.
 */
#pragma once

#include "net/client.h"
#include "net/verdict.h"

/* Asks the checks that have not let the request in yet. REFUSED: it was answered. */
enum admission admission_ask(struct client *client);

/* For handlers that know only now what is asked for, since it stands in the body: whether it may be
 * published to, or read. False: it was answered. */
MUST_USE bool admission_lets_publish(struct client *client, struct frame *const *frames,
                                     unsigned count);
MUST_USE bool admission_lets_read(struct client *client, const struct text *channels,
                                  unsigned count);
