/* SPDX-License-Identifier: MIT */
/*
 * A program that hands its connections to the server: a TCP listener of the test's own, and the
 * server's doors for descriptors. One thread.
 */
#pragma once

#include "tests/e2e/stream.h"

enum door {
    DOOR_FEED,    /* a block with adopt */
    DOOR_GRAMMAR, /* the same lines to the hand-off socket */
    DOOR_JSON,    /* and as a JSON object */
};

struct host {
    enum door door;
    int listener, feed;
    uint16_t port;
    char handoff[108]; /* path of the hand-off socket; empty: there is none */
};

void host_open(struct host *host, const struct server *server);
void host_close(struct host *host);

/* A client that has sent this request: the host's end of its connection. */
int host_visit(struct host *host, struct stream *stream, const char *request);
/* Hands the descriptor over with these lines, by the host's door, and waits for the answer. The
 * host's own copy stays open. */
void host_give(struct host *host, const char *lines, int fd, char *answer, size_t size);

/* Sends bytes with so many descriptors, on any kind of unix socket. */
void send_descriptors(int socket, const char *bytes, size_t len, const int *fds, unsigned count);
/* The next answer of a feed, up to its blank line, or the next message. False: it has ended. */
bool receive_answer(int socket, char *answer, size_t size);

/* A connection whose other end, which is returned, sees when nobody has it any more. */
int lone(int *ret_fd);
/* Waits for that, whatever comes before. */
void expect_closed(int fd);
