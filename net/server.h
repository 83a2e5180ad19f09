/* SPDX-License-Identifier: MIT */
/*
 * The server: listeners and the acceptor threads that share them. This is net's whole face to
 * `cmd`.
 *
 * Without anything to listen on it has no acceptors, and is what connections are adopted by.
 *
 * Life: server_new (binds everything, so that a bad address is known before a thread runs) ->
 * server_start -> server_stop -> server_free, all from one thread. The hub outlives the server.
 */
#pragma once

#include "engine/base/base.h"
#include "engine/hub.h"
#include "net/server_options.h"

struct adoption;
struct journal;
struct net_totals;
struct server;
struct server_parts; /* which kinds of connections it serves: net/handlers/parts.h has ours */

/* 0, or a negative errno with one sentence in `error` that names the address, path or limit and
 * says what to do. A stale socket file of a dead server is replaced, one of a live server is not.
 */
MUST_USE int server_new(struct hub *hub, const struct server_parts *parts,
                        const struct server_options *options, struct server **ret_server,
                        char *error, size_t error_size);
MUST_USE int server_start(struct server *server);

/* "http://127.0.0.1:8080", "unix:/run/x.sock": one per listener, with the port that was taken. */
unsigned server_address_count(const struct server *server);
const char *server_address(const struct server *server, unsigned index);
/* The administration's, likewise; NULL: there is none. */
const char *server_admin_address(const struct server *server);

/*
 * What can change while the server runs, and how it does: connections_max, subscribers_max (as far
 * as the hub's workers have room), feed_uid, feed_gid, peer_timeout_ms, send_buffer and what is
 * said about origins, headers and hosts for what comes from now on; body_max, head_bytes_max and
 * target_bytes_max from a connection's next request or event on; the timeouts and publish_wait_ms
 * at once, for who waits already as if it began now. Nobody is closed for it. listen, listen_mode,
 * feed, feed_mode, admin and acceptors cannot change and are not looked at.
 *
 * In two steps, so that it can be all or nothing together with what others change: server_prepare
 * does all that can fail. A negative errno, with one sentence: a value is wrong, and nothing has
 * changed. The texts are borrowed until the change is freed. The thread that owns the server, from
 * server_new to server_stop.
 */
struct server_change;
MUST_USE int server_prepare(struct server *server, const struct server_options *options,
                            struct server_change **ret_change, char *error, size_t error_size);
/* It holds from now on, and is freed. */
void server_change(struct server *server, struct server_change *change);
/* It does not, and is freed. Takes NULL. */
void server_forget(struct server_change *change);

/* What all acceptors have done so far, summed. Any thread, from server_new to server_free. */
void server_totals(const struct server *server, struct net_totals *ret_totals);

/* Takes a connection over whose request somebody else has read: adopt_socket of net/adopt.h. Any
 * thread, from hub_start to the end of server_stop. */
MUST_USE int server_adopt(struct server *server, int fd, const struct adoption *adoption,
                          uint64_t *ret_subscriber, char *error);

/* What happens there, where options->keeps_journal: net/journal.h, which one thread reads, until
 * server_free. Else NULL. */
struct journal *server_journal(const struct server *server);

/* Leaving, docs/architecture.md, "Drain": accepts what waits, closes the listeners, takes
 * what one last read of each connection returns, closes the hub (hub_close), answers the rest with
 * 503 or `error: stopping`, joins the acceptors. The caller then calls hub_stop. */
void server_stop(struct server *server);
/* Unlinks the socket files it made. Takes NULL; returns NULL. */
struct server *server_free(struct server *server);
