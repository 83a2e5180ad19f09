/* SPDX-License-Identifier: MIT */
/*
 * What the programs of the library's suite share: an engine on the backend under test, and the way
 * to its listener for the clients of tests/e2e. They are linked with the shared library, as anybody
 * is. One thread.
 */
#pragma once

#include "fanfare.h"
#include "tests/e2e/server.h"

/* Sets, and ends the test if that is refused. */
void engine_set(struct fanfare *fanfare, const char *name, const char *value);
/* One that listens on a free port of 127.0.0.1, with two workers and the backend of check_begin;
 * `options` are name, value, ..., NULL, or NULL. */
struct fanfare *engine_new(const char *const *options);
/* Starts it, and ends the test if it cannot. *ret_server (may be NULL) is for client_open and
 * stream_open: its port alone. */
void engine_start(struct fanfare *fanfare, struct server *ret_server);
/* The same for one that has no listener unless `options` say so. */
struct fanfare *engine_silent(const char *const *options);
/* Stops and frees it. */
void engine_end(struct fanfare *fanfare);
