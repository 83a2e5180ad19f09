/* SPDX-License-Identifier: MIT */
/*
 * Refusals of streams: the answer to whom the server cannot have now, for whatever reason.
 *
 * An EventSource that is answered 503, or anything but 200, never comes back. So who asks for an
 * event stream by its Accept gets one (unless --refuse 503): it says in `retry:` when to come back,
 * each client another time (engine/slots.h), where from if the client has no position of its own,
 * and ends. The header Fanfare-Refused tells it from a real one. Everybody else, and every request
 * that is not for a stream, gets the status and a sentence.
 *
 * For what may be had later alone: who may not read (401, 403) or asks wrongly (400, 404) is told
 * so by answer_error. Belongs to the acceptor's thread.
 */
#pragma once

#include "net/client.h"

/* Whether this client is put off rather than refused, if it cannot be had. */
bool refusal_puts_off(const struct client *client);
/* Answers, and this is the connection's last answer. ANSWERED. */
enum handler_result refusal_answer(struct client *client, const struct refusal *refusal);
/* The whole answer to a connection that nobody will read from: by what has come on it so far. Its
 * length. */
size_t refusal_at_once(struct service *service, const struct listener *listener, int fd,
                       const struct refusal *refusal, char *out, size_t size);
