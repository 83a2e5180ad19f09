/* SPDX-License-Identifier: MIT */
/*
 * An HTTP connection, until it is closed or its socket is handed to a worker.
 *
 * States: reading a request (or idle between two) -> either answered, or handed off as a
 * subscriber, or waiting for room to publish and then answered -> writing, until the peer has taken
 * the answer -> reading the next request, or finishing (connection.h). One request a turn;
 * pipelined ones wait in the input and get their turn in the next round. While an answer is not
 * taken no further request is read.
 *
 * Input: a read goes to the acceptor's own buffer and is parsed there, so most requests are served
 * without a buffer of their own; only what is left when the turn ends (an unfinished or a pipelined
 * request) is moved to one, which is freed as soon as it is empty. An idle connection holds only
 * this struct.
 *
 * Belongs to the acceptor's thread. client.c parses and acts, client_input.c keeps the input,
 * client_publish.c publishes, answer.c formats.
 */
#pragma once

#include "net/http/parser.h"
#include "net/http/route.h"
#include "net/service.h"
#include "net/waiters.h"

#define CLIENT_STOPPING  "the server is stopping"
#define CLIENT_NO_MEMORY "the server has reached its memory limit, try again"

struct client {
    struct connection connection; /* first: see struct source */
    struct http_parser parser;
    bool head_done;    /* the head of the current request was seen */
    bool request_done; /* all of it was read, or the rest of it does not matter */
    bool answering;    /* its answer is not taken yet */
    bool close_after;  /* which is the last one */
    bool is_send;      /* the current request is a POST /send */
    bool own_input;    /* `input` is ours; else it is the acceptor's, for this turn */
    char *input;       /* [0, at) is parsed, [at, len) is not; NULL: no input */
    size_t at, len, capacity;
    struct frame **frames; /* what waits for room; ours */
    unsigned frame_count;
    size_t frame_bytes; /* memory of them */
    struct waiter waiter;
};

/* What accept.c makes of an HTTP connection. */
extern const struct connection_kind client_kind;

/* An answer was written or queued: goes on with the next request, or ends. */
void client_answered(struct client *client);
