/* SPDX-License-Identifier: MIT */
/*
 * A listening socket: TCP or unix, for HTTP, for the administration over HTTP, or for feeds.
 *
 * Life: listener_open (binds and listens) -> listener_accept from any acceptor -> listener_close.
 * Between open and close it is immutable, so all acceptors share it without a lock; open and close
 * belong to the thread that owns the server.
 *
 * A socket file that nobody listens on any more is replaced; one that somebody listens on is not.
 * Both are decided under a lock on its directory, so two servers that start at once cannot remove
 * each other's file. On leaving only a file that is still ours is unlinked.
 *
 * Does not decide who may connect, and knows no epoll: that is accept.c.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "engine/base/base.h"
#include "net/access/address.h"

enum listener_kind {
    LISTENER_HTTP,
    LISTENER_FEED,
    LISTENER_ADMIN,   /* HTTP, for who holds the reins */
    LISTENER_HANDOFF, /* whose messages bring connections */
    LISTENER_KINDS,
};

struct listener {
    enum listener_kind kind;
    int fd;
    bool is_unix;
    bool lingers;    /* given: what is accepted copies its SO_LINGER */
    bool proxied;    /* each connection begins with a PROXY header */
    unsigned routes; /* bits of enum route_name that are answered here; 0: the server's */
    char path[108];  /* unix: the file that was made; sun_path has no more room; "": none was */
    dev_t device;    /* of the file that was made, to recognise it on leaving */
    ino_t inode;
    char address[160]; /* what server_address shows */
    /* What it was bound to, and stays so when it is closed; of no length if that is not known. */
    struct sockaddr_storage bound;
    socklen_t bound_len;
};

/* `address` is "ADDR:PORT", "[V6]:PORT", "unix:PATH" or "fd:N" (net/given.h). A name with several
 * addresses opens as many listeners of this kind, up to `room`; a socket file gets exactly `mode`.
 * 0, or a negative errno and one sentence, and nothing is open. */
MUST_USE int listener_open(struct listener *listeners, unsigned room, enum listener_kind kind,
                           const char *address, mode_t mode, unsigned *ret_count, char *error,
                           size_t error_size);
/* Whether only this machine reaches such an address: a socket file, or loopback. One that cannot be
 * found out (no such name) counts as local: it will not be bound either. */
bool listener_is_local(const char *address);
/* The same of one that is open, where nothing is left to be found out. */
bool listener_is_bound_locally(const struct listener *listener);
/* A socket file for something else than HTTP (a feed, hand-overs) with exactly this mode. */
MUST_USE int listener_open_file(struct listener *listener, enum listener_kind kind,
                                const char *path, mode_t mode, char *error, size_t error_size);
/* Whether the peer of a unix socket is this user, and of this group; -1: any. */
bool listener_peer_may(int fd, int64_t uid, int64_t gid);

/* What holds for each connection accepted from now on. */
struct listener_tuning {
    uint32_t peer_timeout_ms; /* a TCP peer that acknowledges nothing for so long is gone; 0: as the
                                 kernel has it */
    uint32_t send_buffer;     /* SO_SNDBUF; 0: as the kernel has it */
};
/* What a listener's TCP sockets copy from it, of one that came another way; of a unix socket the
 * send buffer alone. What the kernel refuses is left as it is. Any thread. */
void listener_tune_socket(int fd, bool is_unix, const struct listener_tuning *tuning);
/* Any thread. */
void listener_tune(const struct listener *listener, const struct listener_tuning *tuning);

/* The next connection, non-blocking and ready for use: its fd, or a negative errno. *ret_peer is
 * its address; NULL: not wanted. */
MUST_USE int listener_accept(const struct listener *listener, const struct listener_tuning *tuning,
                             struct address *ret_peer);

/* Also removes the socket file, if it is still the one that was made. */
void listener_close(struct listener *listener);
