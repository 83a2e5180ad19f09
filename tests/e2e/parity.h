/* SPDX-License-Identifier: MIT */
/*
 * What the tests of docs/parity.md share: a server with an administration, asked by public names
 * alone, and requests with their answers as text. One thread; one server at a time.
 */
#pragma once

#include <stdbool.h>

#include "tests/e2e/server.h"
#include "tests/e2e/stream.h"

#define JSON_FIELDS "Content-Type: application/json\r\n"

extern struct server parity;
extern char parity_place[160]; /* of --admin */

/* The server, with --admin on a socket file and one worker more than it needs. */
void parity_start(const char *const *options);
/* Ends it in order. */
void parity_stop(void);

/* A request over the public listener, or the administration: its status. The body of the answer
 * stays in parity_said until the next one, its head in parity_head. */
int parity_ask(const char *method, const char *target, const char *fields, const char *body);
int parity_admin(const char *method, const char *target, const char *body);
extern char parity_said[65536], parity_head[4096];

/* Publishes with this body, which has to be let in. */
void parity_publish(const char *target, const char *fields, const char *body);
/* A number of /stats, or another answer of the administration; -1: it is not there. */
long long parity_number(const char *target, const char *name);
/* Waits until it is this. */
void parity_await(const char *target, const char *name, long long value);
/* Opens a stream and waits until it has its id, so that what is published later is for it. */
void parity_open(struct stream *stream, const char *target, const char *fields);
/* The next event is this one. */
void parity_expect(struct stream *stream, const char *type, const char *data);
