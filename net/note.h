/* SPDX-License-Identifier: MIT */
/*
 * What of a client is noted in the journal (journal.h), where there is one: its answers, and why it
 * was refused. Its streams are noted by their seats (seats.h).
 *
 * One answer is one fact: FACT_REFUSED if somebody has said why (note_refused, or a refusal), else
 * FACT_REQUEST, of which one in --access-log-sample is noted. A connection that is not even read
 * from is noted by its refusal. Of a target the path alone is noted: a query may have a token.
 * Belongs to the acceptor's thread.
 */
#pragma once

#include "net/client.h"
#include "net/journal.h"

/* The client's next answer is a refusal, for this reason: one word, static. */
static inline void note_refused(struct client *client, const char *word)
{
    client->refused_for = word;
}

/* It was answered so, with so many bytes of body. */
void note_answer(struct client *client, int status, size_t bytes);
