/* SPDX-License-Identifier: MIT */
/*
 * Adopting: a connection whose request somebody else has read becomes a subscriber. This is the one
 * way in for all of them, whether the descriptor came from the same program, over a socket, or from
 * one of our own listeners whose request was given away.
 *
 * Everything that can be wrong with it is found out here, in front of the hand-off: what is no
 * connected stream socket, channels that are none, head lines that may not stand in a stream's
 * head, and what all streams are held against: --subscribers-max, caps, memory-max. It is then
 * counted, told and noted as any other stream (seats.h), and its socket is tuned as one that came
 * over a listener.
 *
 * The head lines are what the caller says of its own, for pages of other origins above all. Those
 * of --header and --stream-header stand there as well, but for names that the caller's lines have.
 * Refused is what frames an answer and what the server says itself, for no client knows which of
 * two lines holds.
 *
 * It belongs to no acceptor. Any thread, from server_new to the end of server_stop.
 */
#pragma once

#include "engine/form.h"
#include "net/access/address.h"
#include "net/server_state.h"

/* The caller's faults, which are no errno's. */
enum adopt_fault {
    ADOPT_NO_CHANNEL = 1,
    ADOPT_MANY_CHANNELS, /* more than --subscriber-channels-max */
    ADOPT_TOGETHER,      /* several, and one of them is of one event (rule.h, once) */
    ADOPT_CHANNEL_EMPTY,
    ADOPT_CHANNEL_LONG,
    ADOPT_CHANNEL_TEXT, /* no valid UTF-8, or a control character */
    ADOPT_HEAD,         /* a line that may not stand there */
    ADOPT_SAID,         /* of callers: what else was said of it is faulty */
};

/* Borrowed for the call. */
struct adoption {
    const struct text *channels; /* as they came; the same one twice counts once */
    unsigned channel_count;
    struct text resume; /* the client's last id, valid or not, or "earliest"; empty: none */
    uint64_t since;     /* as in subscribe_request; 0: nothing */
    uint64_t before;    /* hub_next_sequence when the request was complete; 0: now */
    struct text head;   /* head lines of the caller's, each ended by CRLF */
    /* The server's own for this stream, which are not checked; empty: Date, --header and
     * --stream-header. */
    struct text lines;
    struct frame *const *first; /* as in subscribe_request; on 0 the references are the hub's */
    unsigned first_count;
    uint32_t last, limit; /* as in subscribe_request */
    int64_t ends_ns;      /* likewise */
    uint32_t wait_ms;     /* likewise, of one that polls */
    bool polls;
    bool head_sent;                  /* likewise; `head` and `lines` are not looked at */
    bool plain;                      /* no chunks */
    bool bare;                       /* the client wants no preface, whatever --preface says */
    bool refuse_503;                 /* a refusal by a worker is a 503, whatever --refuse says */
    const struct address *peer;      /* NULL: as the socket says */
    const struct listener *listener; /* it came over; NULL: over none */
    uint64_t tag;                    /* for the server's usher */
    struct seat *seat; /* the caller's chain, which is the stream's on 0; NULL: none */
};

/* Whom streams that came over no listener count among: hub_groups. */
#define ADOPT_GROUP LISTENERS_MAX
static_assert(ADOPT_GROUP < SUBSCRIBER_GROUPS_MAX, "they have one of their own");

#define ADOPT_ERROR_ROOM 256

/*
 * 0: the descriptor is a subscriber's, with the number *ret_subscriber (may be NULL; 0: they have
 * none). Else it is the caller's, and nothing of it has changed, with one sentence in `error` (may
 * be NULL): an enum adopt_fault, or
 *
 *   -EBADF, -ENOTSOCK, -ENOTCONN, -EPROTOTYPE   what is no connected stream socket
 *   -E2BIG       `head` is longer than ADOPT_HEAD_BYTES_MAX, `first` than FIRST_BYTES_MAX
 *   -ENOSPC      as many as may be are there: of all, of the address, or of a channel
 *   -ENOBUFS     memory-max is reached
 *   -ENOMEM, -ESHUTDOWN
 */
MUST_USE int adopt_socket(struct server_state *server, int fd, const struct adoption *adoption,
                          uint64_t *ret_subscriber, char error[ADOPT_ERROR_ROOM]);

/* Bytes enough for the head lines of any stream that is adopted. */
#define ADOPT_LINES_ROOM (ADOPT_HEAD_BYTES_MAX + FORM_REFUSAL_LINES_MAX / 2)
/* The head lines that this adoption gives its stream, for an answer in its place: without the
 * caller's, if one of those may not stand there. */
struct text adopt_lines(struct server_state *server, const struct adoption *adoption,
                        char room[ADOPT_LINES_ROOM]);
/* The answer to a client that was not adopted for this reason: 400 if it can never be, else 503. */
int adopt_status(int r);
