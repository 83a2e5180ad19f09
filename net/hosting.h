/* SPDX-License-Identifier: MIT */
/*
 * The acceptor's side of what the host decides (host.h): which requests it is shown, how one waits
 * for its answer, and how the answer is carried out.
 *
 * It is asked last, about a request that is all here and that every check has let in: so it is no
 * way around what the operator configured, and whoever is refused never reaches it. Paths that no
 * route has are the host's; of these the checks of Host, origin and cookies hold. What is neither
 * about a stream nor a publish (/healthz, /stats, the page) it is not asked about, nor about a
 * preflight, which the operator's policy answers, nor about anything over the administration's
 * listener.
 *
 * A request that it has taken is a pending one, which ends with its answer, with --decide-timeout,
 * with the client, or with the server. Belongs to the acceptor's thread.
 */
#pragma once

#include "net/client.h"
#include "net/host.h"

/* What a request is to the host, if there is one; 0: nothing that it is asked about. */
enum host_kind hosting_kind(const struct client *client);
/* Whether it is of a path that the host alone knows. */
static inline bool hosting_owns(const struct client *client)
{
    return hosting_kind(client) == HOST_OTHER;
}
/* Whether a page asks what it may send there; the methods that are answered. NULL: it does not. */
const char *hosting_preflight(const struct client *client);

/* Shows it to the host. PASSED: go on as if there were none. */
MUST_USE enum handler_result hosting_ask(struct client *client);
