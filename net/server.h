/* SPDX-License-Identifier: MIT */
/*
 * The server: listeners and the acceptor threads that share them. This is net's whole face to
 * `cmd`.
 *
 * Life: server_new (binds everything, so that a bad address is known before a thread runs) ->
 * server_start -> server_stop -> server_free, all from one thread. The hub outlives the server.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/base.h"
#include "engine/hub.h"

#define LISTEN_MAX 16 /* addresses of one server; picked by hand */

struct server_options {
    const char *listen[LISTEN_MAX]; /* "ADDR:PORT", "[V6]:PORT" or "unix:PATH"; borrowed */
    unsigned listen_count;
    const char *feed;   /* path of the feed socket; NULL: no feed; borrowed */
    mode_t feed_mode;   /* 0660 */
    int64_t feed_uid;   /* only this peer uid may publish; -1: any that the file mode lets in */
    int64_t feed_gid;   /* likewise by peer gid */
    unsigned acceptors; /* 1 to ACCEPTORS_MAX */
    uint32_t connections_max; /* connections that are not subscribers, feeds included */
    uint32_t subscribers_max;
    uint32_t body_max;         /* bytes of a publish body and of one event's data on the feed */
    uint32_t head_bytes_max;   /* HEAD_BYTES_MAX at most */
    uint32_t target_bytes_max; /* TARGET_BYTES_MAX at most */
    uint32_t head_timeout_ms;  /* from a request's first byte to the end of its head */
    uint32_t body_timeout_ms;
    uint32_t keep_alive_timeout_ms; /* a keep-alive connection without a request */
    uint32_t publish_wait_ms;       /* how long an HTTP publish waits for room before 503 */
    const char *allow_origin; /* Access-Control-Allow-Origin; NULL: no CORS headers; borrowed */
};

void server_options_default(struct server_options *options);

struct server;

/* 0, or a negative errno with one sentence in `error` that names the address, path or limit and
 * says what to do. A stale socket file of a dead server is replaced, one of a live server is not.
 */
MUST_USE int server_new(struct hub *hub, const struct server_options *options,
                        struct server **ret_server, char *error, size_t error_size);
MUST_USE int server_start(struct server *server);

/* "http://127.0.0.1:8080", "unix:/run/x.sock": one per listener, with the port that was taken. */
unsigned server_address_count(const struct server *server);
const char *server_address(const struct server *server, unsigned index);

/*
 * What can change while the server runs, and how it does: connections_max, subscribers_max (as far
 * as the hub's workers have room), allow_origin, feed_uid and feed_gid for what comes from now on;
 * body_max, head_bytes_max and target_bytes_max from a connection's next request or event on; the
 * timeouts and publish_wait_ms at once, for who waits already as if it began now. Nobody is closed
 * for it. listen, feed, feed_mode and acceptors cannot change and are not looked at.
 *
 * -EINVAL: a value is out of its range, and nothing has changed. The texts are copied. Any thread,
 * from server_new to server_stop.
 */
MUST_USE int server_reload(struct server *server, const struct server_options *options);

/* Leaving, design section 4 "Drain", steps 1 to 4: accepts what waits, closes the listeners, takes
 * what one last read of each connection returns, closes the hub (hub_close), answers the rest with
 * 503 or `error: stopping`, joins the acceptors. The caller then calls hub_stop. */
void server_stop(struct server *server);
/* Unlinks the socket files it made. Takes NULL; returns NULL. */
struct server *server_free(struct server *server);
