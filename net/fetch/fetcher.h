/* SPDX-License-Identifier: MIT */
/*
 * The fetcher: one thread that asks other servers over HTTP, many at once, so that no acceptor ever
 * waits for one.
 *
 * It is libcurl's multi interface and nothing else: connections are kept for the next fetch, so
 * many fetches run at once (FETCHES_MAX) and the others wait in the order in which they came. It
 * follows no redirect, uses no proxy and no cookies or passwords of its own, speaks HTTP/1.1 over
 * TCP, TLS and unix sockets, and takes no more of an answer than the fetch says. Where a fetch goes
 * is its place, which comes from the configuration alone.
 *
 * Life: fetcher_new -> fetcher_run (the thread) -> fetcher_stop (fetches that are not over are
 * cancelled; joins) -> fetcher_free. Start and cancel come from any thread through a mailbox; all
 * else belongs to the fetcher's thread. It counts nothing and does not know what is fetched for
 * what.
 */
#pragma once

#include "net/fetch/fetch.h"

struct fetcher;

/* 0, or a negative errno. */
MUST_USE int fetcher_new(struct fetcher **ret_fetcher);
/* Starts the thread, which inherits the caller's signal mask. 0, or a negative errno. */
MUST_USE int fetcher_run(struct fetcher *fetcher);
/* Ends the thread, if there is one: from here on each fetch is over or never was started. */
void fetcher_stop(struct fetcher *fetcher);
/* Of one that is stopped or never ran. Takes NULL; returns NULL. */
struct fetcher *fetcher_free(struct fetcher *fetcher);

/* Any thread, until fetcher_stop. Takes a reference of its own. */
void fetcher_start(struct fetcher *fetcher, struct fetch *fetch);
/* The same, but it does not begin before this time (clock_ns). */
void fetcher_start_at(struct fetcher *fetcher, struct fetch *fetch, int64_t due_ns);
/* Any thread that has a reference: one that has not begun need not wait any longer. */
void fetcher_hasten(struct fetcher *fetcher, struct fetch *fetch);
/* Any thread until fetcher_stop, then the one that called it; once for each fetch: it need not go
 * on. Takes the caller's reference over. `done` is called all the same, if it has not been. */
void fetcher_cancel(struct fetcher *fetcher, struct fetch *fetch);
