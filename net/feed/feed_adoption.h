/* SPDX-License-Identifier: MIT */
/*
 * The hand-overs of a feed (net/handover.h): its descriptors are read here, each is given to its
 * block, and the block is carried out and answered.
 *
 * Descriptors are asked for only where feed-adopt is on: else the kernel closes what comes. What is
 * here is ours, and is consumed by _run or closed by _drop. Belongs to the feed's thread.
 */
#pragma once

#include "net/feed/event_text.h"
#include "net/feed/feed_descriptors.h"
#include "net/handover.h"

struct feed_adoption {
    struct feed_descriptors descriptors;
    uint64_t place;     /* bytes that were read on the feed */
    int fd;             /* of the block that was read last; -1: none */
    const char *notice; /* what is to be told behind the answers: static; NULL: nothing */
    char text[HANDOVER_ERROR_ROOM + ACK_BYTES_MAX + 64]; /* the last answer */
};

void feed_adoption_init(struct feed_adoption *adoption);
/* Closes what has come. */
void feed_adoption_drop(struct feed_adoption *adoption);

/* connection_read, and what comes along with it if that is wanted. */
MUST_USE size_t feed_adoption_read(struct feed_adoption *adoption, struct connection *connection,
                                   char *bytes, size_t size);
/* The parser has come to the end of a block: which of the descriptors is its own, and which are
 * nobody's. True: some were, and the notice is to be told before another block is looked at. */
bool feed_adoption_claim(struct feed_adoption *adoption, const struct event_text *parser);
/* Whether there are descriptors whose block has not ended. */
static inline bool feed_adoption_waits(const struct feed_adoption *adoption)
{
    return adoption->descriptors.count > 0;
}
/* They have waited long enough: closes them. */
void feed_adoption_late(struct feed_adoption *adoption);
/* Carries the parser's block out, and its answer; empty: none is wanted. `r`: 0, or why it cannot
 * be had; `fault`: what is wrong with the block, NULL: nothing. */
struct text feed_adoption_run(struct feed_adoption *adoption, struct service *service,
                              const struct event_text *parser, int r, const char *fault);
