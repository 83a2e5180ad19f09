/* SPDX-License-Identifier: MIT */
/*
 * What of a client is noted in the journal (journal.h), where there is one: its streams, its
 * answers, and why it was refused.
 *
 * One answer is one fact: FACT_REFUSED if somebody has said why (note_refused, or a refusal), else
 * FACT_REQUEST, of which one in --access-log-sample is noted. A stream that was let in is its
 * seat's. A connection that is not even read from is noted by its refusal. Of a target the path
 * alone is noted: a query may have a token. Belongs to the acceptor's thread.
 */
#pragma once

#include "engine/seat.h"
#include "net/client.h"
#include "net/journal.h"

/* The client's next answer is a refusal, for this reason: one word, static. */
static inline void note_refused(struct client *client, const char *word)
{
    client->refused_for = word;
}

/* It was answered so, with so many bytes of body. */
void note_answer(struct client *client, int status, size_t bytes);

/* A seat for the hand-off of a stream to these channels. 0 with NULL: there is no journal. 0,
 * HUB_NO_MEMORY, or -ENOMEM. */
MUST_USE int note_stream(struct client *client, const struct text *channels, unsigned count,
                         int refused_status, struct journal_seat **ret_seat);
