/* SPDX-License-Identifier: MIT */
/*
 * A plain client of the server under test: bytes out, answers or lines in, with deadlines.
 *
 * It reads HTTP answers by RFC 9112 with code of its own (one answer at a time, so that pipelined
 * ones are told apart) and the feed's answers line by line. Streams are stream.h. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/e2e/server.h"

struct client {
    int fd;
    char *bytes; /* received and not yet given out */
    size_t len, size;
    bool ended; /* the server closed */
    bool reset; /* and did so with an RST */
};

struct answer {
    int status;
    char head[4096]; /* status line and fields, without the blank line */
    char *body;      /* ends with a NUL behind body_len */
    size_t body_len;
};

/* One answer of the feed: the fields that it had, else empty strings. */
struct receipt {
    char ack[128];
    char id[192];
    char error[512];
};

/* A socket connected to the server, non-blocking; `source` chooses a 127.x.y.z of its own, so that
 * many connections do not run out of ports. 0: any. */
int connect_tcp(const struct server *server, unsigned source);
int connect_unix(const char *path);

void client_open(struct client *client, const struct server *server);
void client_open_feed(struct client *client, const struct server *server);
void client_close(struct client *client);

/* Sends all of it. False: the server has closed or reset the connection. */
bool client_send(struct client *client, const char *bytes, size_t len);
bool client_say(struct client *client, const char *text);
/* No more input from us. */
void client_finish(struct client *client);

/* Reads once, waiting until there is something. False at the end of input. */
bool client_read(struct client *client);
/* Reads one HTTP answer. False: the connection ended before it. */
bool client_answer(struct client *client, bool to_head, struct answer *ret_answer);
/* A request and its answer; `fields` are further head lines with their CRLF, or NULL. */
void client_request(struct client *client, const char *method, const char *target,
                    const char *fields, const char *body, size_t body_len,
                    struct answer *ret_answer);
/* Posts a body on a connection of its own; the answer must have this status, and this in its
 * body. */
void post_expect(const struct server *server, const char *target, const char *fields,
                 const char *body, int status, const char *wanted);
/* Reads until the server closes; true if it does so before anything else arrives. */
bool client_ends(struct client *client);
void answer_free(struct answer *answer);
/* A field's value by its name in any case, or NULL; valid until the next call. */
const char *answer_field(const struct answer *answer, const char *name);
const char *head_field(const char *head, const char *name);

/* Reads one answer of a feed: up to its blank line. False: the feed ended before. */
bool client_receipt(struct client *client, struct receipt *ret_receipt);

/* Publishes by POST with a raw body on an open connection, requires 200, and gives the id. */
void publish(struct client *client, const char *channel, const char *text, char ret_id[160]);
/* The same: these words, a space, and dots, `bytes` in all. */
void publish_padded(struct client *client, const char *channel, const char *words, size_t bytes);
