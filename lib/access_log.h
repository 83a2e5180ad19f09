/* SPDX-License-Identifier: MIT */
/*
 * The access log: the thread that writes the server's journal (net/journal.h) to a file, one line a
 * fact, within a second.
 *
 * A file that cannot be written to (its disk is full, nobody reads the pipe) is tried again, and
 * what the journal cannot hold meanwhile is lost; as soon as there is room a line says how many
 * facts are: `what=lost count=N`. A line is never cut: what went out of it in part goes on, and
 * where the file was replaced meanwhile it is one of the lost ones.
 *
 * Nothing is said about trouble, for the library says nothing: the error is kept, for who asks.
 *
 * access_log_open before threads run, so that a path that is wrong is known; then start, on the
 * thread that starts the engine, which may reopen it later; stop on the one that stops it. Knows
 * what the file is to look like (docs/formats.md, "The access log"), and the journal knows nothing
 * of it.
 */
#pragma once

#include "engine/base/base.h"

struct access_log;
struct hub;
struct journal;

/* 0, or a negative errno. `path` is borrowed. */
MUST_USE int access_log_open(const char *path, struct access_log **ret_log);
/* 0, or a negative errno. */
MUST_USE int access_log_start(struct access_log *log, struct hub *hub, struct journal *journal);
/* Goes on in the file that has the path by now. 0, or a negative errno: in the old one. */
MUST_USE int access_log_reopen(struct access_log *log);
/* Why the file takes nothing, an errno; 0: it does. After access_log_stop: whether it lacks what
 * happened last. Any thread. */
int access_log_error(const struct access_log *log);
/* Writes what is there, if the file takes it, and closes it. */
void access_log_stop(struct access_log *log);
/* Takes NULL; returns NULL. */
struct access_log *access_log_free(struct access_log *log);
