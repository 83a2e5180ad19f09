/* SPDX-License-Identifier: MIT */
/*
 * The answer to an event of a feed that asks for a count: it comes when the workers have said how
 * many subscribers there are, and until then the feed waits, so that answers keep their order.
 *
 * States: idle -> ready (feed_count_prepare, before the event is published) -> waits
 * (feed_count_ask) -> idle, with the answer's text at hand. Where nothing can be counted the answer
 * has no `subscribers`. The acceptor's thread alone.
 */
#pragma once

#include "net/headcount.h"

struct feed_count {
    struct pending pending;
    struct headcount *headcount; /* while it is ready */
    bool waits;
    size_t len;
    char text[ACK_BYTES_MAX + EVENT_ID_BYTES_MAX + 64]; /* the answer, but for its last lines */
};

void feed_count_prepare(struct feed_count *count, struct service *service, struct frame *frame);
/* The event was not published. */
void feed_count_drop(struct feed_count *count);
/* It was, and is answered so. True: the answer comes later; else feed_count_end gives it now. */
MUST_USE bool feed_count_ask(struct feed_count *count, struct service *service,
                             struct connection *connection, struct text ack, struct text id);
/* The whole answer, valid until the next event. `answer` NULL: without a count. */
struct text feed_count_end(struct feed_count *count, struct service *service,
                           const struct pending_answer *answer);
