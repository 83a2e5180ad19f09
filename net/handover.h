/* SPDX-License-Identifier: MIT */
/*
 * A hand-over: what another program says of a connection that it gives us, whichever way it came
 * and in whichever notation, and what becomes of both.
 *
 *   adopt            a channel; as often as there are channels
 *   last-event-id    the client's, valid or not
 *   header           a head line of the program's, without its end; may come again
 *   head             `sent`: the response head is written, and nothing of it is ours; or `send`
 *   http             `1.0`: no chunks; or `1.1`
 *   last, limit      as in a request for a stream
 *   lifetime         seconds until it is ended
 *   tag              a number, for the server's usher (net/usher.h)
 *   first            a line of the data of an event that is for this stream alone; may come again
 *
 * The first fault is the one that is told; what is sound beside it still holds, so that a client
 * whose head is sent gets no other one.
 *
 * The descriptor is ours from the moment at which it came. Whoever is not taken gets an answer, if
 * its head was not sent: 400 for what can never be, else what a stream that cannot be had gets
 * (net/refusal.h says what and why), and is closed.
 *
 * Belongs to an acceptor's thread. How it came is the caller's to know (net/feed/feed_adoption.h).
 */
#pragma once

#include "net/adopt.h"
#include "net/service.h"

struct handover {
    const char *fault;     /* one sentence, static; NULL: none yet */
    bool no_memory;        /* that is ours, and it may be said again later */
    struct text *channels; /* borrowed texts */
    unsigned channel_count, channel_room;
    struct text resume; /* borrowed */
    char *head;         /* lines, each with CRLF */
    size_t head_len;
    char *first;
    size_t first_len;
    uint32_t last, limit, lifetime_s;
    uint64_t tag;
    unsigned seen; /* bits of the rows that came */
    bool head_sent, plain;
};

void handover_init(struct handover *handover);
void handover_deinit(struct handover *handover);

/* One thing that is said; the value is borrowed until the end. False: there is no such name. */
MUST_USE bool handover_take(struct handover *handover, struct text name, struct text value);
/* Lines `NAME: VALUE`, each ended by LF, of names that there are. */
void handover_read(struct handover *handover, struct text lines);

#define HANDOVER_ERROR_ROOM ADOPT_ERROR_ROOM

/* Makes the descriptor, which is ours, a subscriber's: 0 and its number; else one sentence, and the
 * client is answered and closed. It is consumed in any case. */
MUST_USE int handover_run(struct service *service, const struct handover *handover, int fd,
                          uint64_t *ret_subscriber, char error[HANDOVER_ERROR_ROOM]);
/* Refuses it for this reason: a negative errno or an enum adopt_fault, as adopt_socket has them. */
void handover_refuse(struct service *service, const struct handover *handover, int fd, int r,
                     const char *sentence);
