/* SPDX-License-Identifier: MIT */
/*
 * The application decides (--authorize-url): a check of admission.c that asks it with a GET for
 * each subscriber and each publish over HTTP, and lets nobody wait but who is asked for.
 *
 * What is asked is the target, the method, the peer's address and the client's own Cookie and
 * Authorization; what comes back is a hook_answer, which stays with the client until its request is
 * over. The application sees the head alone, and is asked before a byte of a body is read: channels
 * that stand in a body it has not seen, and they are not let in (authorize_covers).
 *
 * A question is asked by the fetcher's thread and answered through the acceptor's mailbox. How many
 * wait is bounded by the server's count (AUTHORIZE_WAITING_MAX), and a question that nobody waits
 * for any more is cancelled. All here is the acceptor's thread but for the end of a question.
 */
#pragma once

#include "net/client.h"
#include "net/verdict.h"

/* The check. Asked again when the application has answered, or has not in time. */
struct verdict authorize_check(struct client *client);
/* Whether the application has let this channel in, which a body or the target names. */
bool authorize_covers(const struct client *client, struct text channel);
/* Likewise a publish to all. */
bool authorize_covers_all(const struct client *client);
